// The sidebar: facets to pick words from, histograms to brush, and what is picked as chips.

import { get, notice } from "./api.js";
import { byId, el, figure, plain, settled } from "./dom.js";
import { Facet } from "./facet.js";
import { Histogram } from "./histogram.js";
import { ask, clear, queryText, shownRun, state, where } from "./state.js";

const FIRST = ["fate", "stage", "reason", "label", "language", "script"];
const NEXT = ["short_side_px", "aspect_ratio", "caption_characters", "host", "split"];
const OPEN = 9; // sections that are open at first
const everything = JSON.stringify({ where: {} });

/** Shows a run's columns; returns what brings their counts up to date. */
export async function showFilters() {
  const box = byId("filters");
  const run = shownRun();
  box.replaceChildren(el("p", { class: "quiet" }, "counting…"));
  const [axes, all] = await Promise.all([get(`${state.run}/axes`), get(`${state.run}/summaries`, { q: everything })]);
  const sections = ordered(run.columns)
    .filter((column) =>
      column.kind === "facet" ? all.distinct[column.name] > 1 : hasSpread(all.histograms[column.name]),
    )
    .map((column, at) => section(column, at, axes, all));
  box.replaceChildren(...sections.map((one) => one.element));
  return () => update(sections);
}

function ordered(columns) {
  const first = [
    ...FIRST,
    ...shownRun().similarities,
    ...columns.filter(({ name }) => name.startsWith("in ")).map(({ name }) => name),
    ...NEXT,
  ];
  const place = ({ name }) => (first.includes(name) ? first.indexOf(name) : first.length);
  return [...columns].sort((one, other) => place(one) - place(other));
}

const hasSpread = (counts) => counts.slice(0, -1).filter((count) => count > 0).length > 1;

function section(column, at, axes, all) {
  const change = (wanted) => where(column.name, wanted);
  const view =
    column.kind === "facet"
      ? new Facet(column.name, change)
      : new Histogram(column, axes[column.name], all.histograms[column.name], change);
  const head = el(
    "summary",
    {},
    el("span", {}, plain(column.name)),
    column.unit && column.kind === "number" ? el("span", { class: "unit" }, column.unit) : null,
  );
  const open = at < OPEN || column.name in state.query.where;
  return { column, view, element: el("details", { open, "data-column": column.name }, head, view.element) };
}

const update = settled(async (sections) => {
  try {
    const answer = await get(`${state.run}/summaries`, { q: queryText() }, "summaries");
    for (const { column, view } of sections) {
      const wanted = state.query.where[column.name] ?? null;
      if (column.kind === "facet") view.update(answer.facets[column.name], answer.distinct[column.name], wanted);
      else view.update(answer.histograms[column.name], wanted);
    }
  } catch (error) {
    notice(error);
  }
}, 60);

/** Shows what is asked for, each with what takes it off. */
export function showChips() {
  const { where: conditions, text, near } = state.query;
  const chips = Object.entries(conditions).map(([name, wanted]) =>
    chip(`${plain(name)}: ${said(wanted)}`, () => where(name, null)),
  );
  if (text) chips.push(chip(`contains ${text}`, () => ask({ text: "" })));
  if (near)
    chips.push(
      chip(near.text ? `means ${near.text}` : near.image ? "near your image" : `near pair ${near.row}`, () =>
        ask({ near: null }),
      ),
    );
  if (chips.length > 1)
    chips.push(el("li", {}, el("button", { type: "button", class: "quiet", onclick: clear }, "clear all")));
  byId("chips").replaceChildren(...chips);
}

function chip(text, remove) {
  const button = el(
    "button",
    { type: "button", class: "chip", "aria-label": `take off ${text}`, onclick: remove },
    el("bdi", {}, text),
    el("span", { "aria-hidden": "true" }, "×"),
  );
  return el("li", {}, button);
}

function said(wanted) {
  if (wanted.some((value) => typeof value === "number")) {
    const [low, high] = wanted;
    return low === null
      ? `up to ${figure(high)}`
      : high === null
        ? `from ${figure(low)}`
        : `${figure(low)} to ${figure(high)}`;
  }
  return wanted.map((word) => word ?? "none").join(", ");
}
