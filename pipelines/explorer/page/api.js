// Asks the explorer's server. An answer that is not wanted any more is given up.

import { byId } from "./dom.js";

const asking = new Map();

/** Gets JSON from `/api/...`; a later question of the same name takes the place of one that is still open. */
export async function get(path, parameters = {}, name = null) {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined)
      search.set(key, typeof value === "string" ? value : JSON.stringify(value));
  }
  const controller = new AbortController();
  if (name) {
    asking.get(name)?.abort();
    asking.set(name, controller);
  }
  return answer(fetch(`/api/${path}?${search}`, { signal: controller.signal }));
}

/** Sends JSON. */
export function post(path, content) {
  const headers = { "content-type": "application/json" };
  return answer(fetch(`/api/${path}`, { method: "POST", headers, body: JSON.stringify(content) }));
}

/** Sends a file as it is. */
export function postFile(path, file) {
  return answer(fetch(`/api/${path}`, { method: "POST", body: file }));
}

async function answer(request) {
  let response;
  try {
    response = await request;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("the explorer does not answer; is its command still running?");
  }
  const content = await response.json();
  if (!response.ok) throw new Error(content.error ?? response.statusText);
  notice(null);
  return content;
}

/** Shows an error, or takes it away; questions that were given up are none. */
export function notice(error) {
  if (error?.name === "AbortError") return;
  const line = byId("notice");
  line.hidden = error === null;
  line.textContent = error === null ? "" : error.message;
}
