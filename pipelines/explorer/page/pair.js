// The page of a pair: its image, its way through the stages, its duplicates and neighbours, its raw row.

import { get, notice } from "./api.js";
import { caption, el, figure, plain, urlText, webLink } from "./dom.js";
import { openPanel } from "./panel.js";
import { address, ask, set, shownRun, state } from "./state.js";
import { picture, spoken, tile } from "./tile.js";

const HIDDEN = new Set([
  "uid",
  "url",
  "caption",
  "fate",
  "staged_row",
  "shard",
  "stage",
  "reason",
  "value",
  "threshold",
]);

/** Shows the pair of the state; label(pair, label) sets a label. */
export async function showPair({ label, close }) {
  const run = state.run;
  const body = openPanel("Pair", close);
  try {
    const row = await rowOf(state.pair);
    const [page, { rows }] = await Promise.all([
      get(`${run}/pair/${row}`, {}, "pair"),
      get(`${run}/tiles`, { rows: String(row) }),
    ]);
    const pair = rows[0];
    body.replaceChildren(head(pair, label), way(page.stages), columns(page), await around(page, pair), raw(page));
  } catch (error) {
    if (error.name !== "AbortError") body.replaceChildren(el("p", { class: "quiet" }, error.message));
    notice(error.name === "AbortError" ? error : null);
  }
}

async function rowOf(pair) {
  if (pair.startsWith("row-")) return Number(pair.slice(4));
  return (await get(`${state.run}/uid/${encodeURIComponent(pair)}`)).row;
}

/** What stands for a pair in an address: its uid, or, where none could be made, its row. */
export const pairKey = (pair) => pair.uid ?? `row-${pair.row}`;

/** Opens a pair's page. */
export const openPair = (pair) => set({ pair: pairKey(pair), panel: null });

function head(pair, label) {
  const button = (value, key, text) =>
    el(
      "button",
      {
        type: "button",
        "aria-pressed": String(pair.label === value),
        "aria-keyshortcuts": key,
        onclick: () => label(pair, pair.label === value ? null : value),
      },
      text,
    );
  const near = () => ask({ near: { row: pair.row }, sort: null });
  const copy = (event) => {
    navigator.clipboard?.writeText(pair.uid ?? "");
    event.target.textContent = "copied";
  };
  return el(
    "section",
    { class: "pair-head" },
    picture(pair, { class: "large" }),
    caption(pair.caption, { class: "caption whole" }),
    el("p", { class: "line" }, webLink(pair.url)),
    el(
      "p",
      { class: "line" },
      el("code", {}, pair.uid ?? "no uid"),
      " ",
      pair.uid ? el("button", { type: "button", class: "small", onclick: copy }, "copy") : null,
      " ",
      el("a", { href: address(pairKey(pair)), class: "small" }, "permalink"),
    ),
    el(
      "div",
      { class: "actions" },
      pair.uid ? [button("good", "g", "✓ good"), button("bad", "b", "✕ bad")] : null,
      shownRun().models.length && pair.image ? el("button", { type: "button", onclick: near }, "neighbours") : null,
    ),
  );
}

function way(stages) {
  const steps = stages.map((stage) => {
    if (stage.outcome === "passed") return el("li", {}, el("span", { class: "dot" }), plain(stage.stage));
    const asked = [
      stage.value !== null ? ["found ", el("b", {}, el("bdi", {}, stage.value))] : null,
      stage.threshold !== null ? [" asked for ", el("b", {}, el("bdi", {}, stage.threshold))] : null,
    ];
    return el(
      "li",
      { class: "stop" },
      el("span", { class: "dot" }),
      plain(stage.stage),
      el("p", {}, el("span", { class: "reason" }, plain(stage.reason)), " ", asked.flat()),
    );
  });
  if (stages.at(-1)?.outcome === "passed") steps.push(el("li", { class: "end" }, el("span", { class: "dot" }), "kept"));
  return el("section", {}, el("h3", {}, "Its way"), el("ol", { class: "way" }, steps));
}

function columns({ row }) {
  const shown = Object.entries(row).filter(([name, value]) => !HIDDEN.has(name) && value !== null);
  return el("section", {}, el("h3", {}, "Values"), list(shown));
}

function list(entries) {
  const value = (said) =>
    typeof said === "number"
      ? figure(said)
      : el("bdi", {}, typeof said === "object" ? JSON.stringify(said) : String(said));
  return el(
    "dl",
    { class: "values" },
    entries.flatMap(([name, said]) => [el("dt", {}, plain(name)), el("dd", {}, value(said))]),
  );
}

async function around(page) {
  const known = page.duplicates.filter(({ row }) => row !== null);
  const rows = [...known.map(({ row }) => row), ...page.same_uid];
  if (!rows.length) return el("span");
  const { rows: tiles } = await get(`${state.run}/tiles`, { rows: rows.join(",") });
  const near = new Map(known.map((duplicate) => [duplicate.row, duplicate]));
  const cards = tiles.map((pair) => {
    const how = near.get(pair.row);
    const said = !how
      ? "same uid"
      : [
          how.is_survivor ? "survivor" : "duplicate",
          plain(how.kind),
          how.distance !== null ? `${how.distance} bit${how.distance === 1 ? "" : "s"}` : null,
          how.cosine ? `cosine ${figure(how.cosine)}` : null,
        ]
          .filter(Boolean)
          .join(", ");
    return el(
      "li",
      {},
      el(
        "button",
        { type: "button", class: "card", "aria-label": spoken(pair), onclick: () => openPair(pair) },
        tile(pair),
      ),
      el("p", { class: "quiet" }, said),
    );
  });
  return el("section", {}, el("h3", {}, "Duplicates"), el("ul", { class: "cards" }, cards));
}

function raw({ raw: row }) {
  const lines = Object.entries(row).map(([name, value]) => [
    el("dt", {}, name),
    el(
      "dd",
      {},
      name === "url"
        ? urlText(value)
        : el("bdi", {}, value === null ? "null" : typeof value === "string" ? value : JSON.stringify(value)),
    ),
  ]);
  return el("details", { class: "raw" }, el("summary", {}, "Raw row"), el("dl", { class: "values" }, lines.flat()));
}
