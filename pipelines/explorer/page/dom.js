// Elements are made here and nowhere else. Texts of pairs come from the web: they only ever become text nodes.

const SVG = "http://www.w3.org/2000/svg";

/** Makes an element: properties that are functions listen, others are attributes; children are texts or elements. */
export function el(name, properties = {}, ...children) {
  return fill(document.createElement(name), properties, children);
}

/** Makes an element of SVG. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A caption as it is written: in its own direction, which stays inside the element. */
export function caption(text, properties = {}) {
  return el("bdi", { dir: "auto", class: "caption", ...properties }, text ?? "");
}

/** A URL as text; bidirectional marks in it cannot turn what stands beside it. */
export function urlText(text) {
  return el("bdi", { dir: "ltr", class: "url" }, text ?? "");
}

/** A link that leaves the explorer, and only by a click; other schemes than the web's stay text. */
export function webLink(url) {
  if (!/^https?:\/\//i.test(url ?? "")) return urlText(url);
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow", class: "url-link" }, urlText(url));
}

/** Puts children into an element, in the place of what it has; those that are null are left out. */
export function put(element, ...children) {
  element.replaceChildren(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
}

export const byId = (id) => document.getElementById(id);

/** Shows a number as people read it. */
export function figure(value) {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size >= 1000
    ? Math.round(value).toLocaleString("en")
    : Number(value.toPrecision(size >= 100 ? 4 : 3)).toString();
}

/** Shows a share of a whole. */
export function share(part, whole) {
  if (!whole) return "–";
  const percent = (100 * part) / whole;
  return `${percent >= 10 || percent === 0 ? percent.toFixed(0) : percent.toFixed(percent >= 1 ? 1 : 2)}%`;
}

/** The name of a column or a reason in plain words. */
export const plain = (name) => name.replaceAll("_", " ");

/** Calls a function once, a little after the last call. */
export function settled(call, wait = 120) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(call, wait, ...values);
  };
}
