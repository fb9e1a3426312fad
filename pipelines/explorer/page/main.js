// The page: reads its address, asks for the session, and brings grid, filters and panels together.

import { get, notice, post, postFile } from "./api.js";
import { showCompared } from "./compare.js";
import { byId, el, figure, plain, share } from "./dom.js";
import { showExport } from "./exports.js";
import { showChips, showFilters } from "./filters.js";
import { Grid, gridBox } from "./grid.js";
import { key, showLabels } from "./labels.js";
import { openPair, showPair } from "./pair.js";
import { closePanel, openPanel } from "./panel.js";
import { again, ask, on, read, session, set, shownRun, state } from "./state.js";
import { showThresholds } from "./thresholds.js";

const KEYS = [
  ["arrows, Page Up, Page Down, Home, End", "move"],
  ["Enter", "open the pair"],
  ["g b u", "label good, bad, take the label off"],
  ["/", "search"],
  ["[ ]", "the pair before, after the open one"],
  ["Escape", "close the panel"],
];

let grid;
let updateFilters = () => {};
let selected = 0;

async function start() {
  try {
    Object.assign(session, await get("session"));
  } catch (error) {
    notice(error);
    return;
  }
  byId("run").replaceChildren(...session.runs.map((run, number) => el("option", { value: number }, run.name)));
  byId("run").hidden = session.runs.length < 2;
  byId("run-name").hidden = session.runs.length > 1;
  document.querySelector('[data-panel="compare"]').hidden = session.runs.length < 2;
  grid = new Grid(gridBox(), { open: openPair, label, counted });
  read();
  listen();
  await showRun();
  showPanel();
}

function listen() {
  on("run", showRun);
  on("query", showQuery);
  on("pair", showPanel);
  on("panel", showPanel);
  addEventListener("popstate", read);
  addEventListener("hashchange", read);
  addEventListener("keydown", globalKey);
  byId("run").addEventListener("change", (event) => set({ run: Number(event.target.value), pair: null }));
  byId("search").addEventListener("submit", search);
  byId("words").addEventListener("search", () => byId("words").value || ask({ text: "", near: null }));
  byId("sort").addEventListener("change", sort);
  byId("blur").addEventListener("change", blur);
  byId("by-image").addEventListener("click", () => byId("image-file").click());
  byId("image-file").addEventListener("change", searchByImage);
  byId("show-filters").addEventListener("click", (event) => {
    const isOpen = document.body.classList.toggle("filters-open");
    event.currentTarget.setAttribute("aria-expanded", String(isOpen));
  });
  for (const button of document.querySelectorAll("[data-panel]")) {
    button.addEventListener("click", () =>
      set({ pair: null, panel: state.panel === button.dataset.panel ? null : button.dataset.panel }),
    );
  }
}

async function showRun() {
  const run = shownRun();
  document.title = `${run.name} · babelsift explore`;
  byId("run-name").textContent = run.name;
  byId("run").value = state.run;
  const near = run.models.length > 0;
  byId("how").hidden = byId("by-image").hidden = !near;
  const numbers = run.columns.filter(({ kind }) => kind === "number");
  const orders = numbers.flatMap(({ name }) => [
    el("option", { value: `-${name}` }, `${plain(name)} ↓`),
    el("option", { value: `+${name}` }, `${plain(name)} ↑`),
  ]);
  byId("sort").replaceChildren(el("option", { value: "" }, "as in the files"), ...orders);
  showQuery();
  try {
    updateFilters = await showFilters();
    updateFilters();
  } catch (error) {
    notice(error);
  }
}

function showQuery() {
  const { text, near, sort: column, descending } = state.query;
  byId("words").value = near?.text ?? text;
  byId("how").value = near?.text ? "near" : "text";
  byId("sort").value = column ? `${descending ? "-" : "+"}${column}` : "";
  showChips();
  grid.load();
  updateFilters();
  if (state.panel === "export") showPanel();
}

function counted({ total, kept }) {
  selected = total;
  const all = shownRun().rows;
  const of = total === all ? "" : ` of ${figure(all)}`;
  byId("count").replaceChildren(
    el("b", {}, figure(total)),
    `${of} pairs${total ? ", " : ""}`,
    total ? el("span", { class: "kept-share" }, `${share(kept, total)} kept`) : "",
  );
  if (state.panel === "export") showPanel();
}

function search(event) {
  event.preventDefault();
  const words = byId("words").value.trim();
  if (byId("how").value === "near" && words) ask({ near: { text: words }, text: "", sort: null });
  else ask({ text: words, near: null });
}

async function searchByImage(event) {
  const [file] = event.target.files;
  event.target.value = "";
  if (!file) return;
  try {
    ask({ near: await postFile(`${state.run}/near-image`, file), text: "", sort: null });
  } catch (error) {
    notice(error);
  }
}

function sort(event) {
  const { value } = event.target;
  ask({ sort: value.slice(1) || null, descending: value.startsWith("-") });
}

function blur(event) {
  document.documentElement.dataset.blur = event.target.value;
  grid.refresh();
}

async function label(pair, value) {
  try {
    await post("labels", { run: state.run, row: pair.row, label: value });
    grid.refresh({ row: pair.row, label: value });
    if (state.panel === "labels") showPanel();
    if (state.pair) again("pair");
    updateFilters();
  } catch (error) {
    notice(error);
  }
}

function showPanel() {
  const close = () => set({ pair: null, panel: null });
  const panels = {
    thresholds: () => showThresholds(close),
    labels: () => showLabels(close),
    compare: () => showCompared(close),
    export: () => showExport(close, selected),
    keys: () => showKeys(close),
  };
  for (const button of document.querySelectorAll("[data-panel]")) {
    button.setAttribute("aria-expanded", String(!state.pair && state.panel === button.dataset.panel));
  }
  if (state.pair) showPair({ label, close });
  else if (panels[state.panel]) panels[state.panel]();
  else closePanel(() => grid.move(grid.focus));
}

function showKeys(close) {
  const body = openPanel("Keys", close);
  body.replaceChildren(
    el(
      "dl",
      { class: "values keys" },
      KEYS.flatMap(([keys, does]) => [
        el("dt", {}, keys.includes(" ") && keys.length < 6 ? keys.split(" ").map(key) : key(keys)),
        el("dd", {}, does),
      ]),
    ),
  );
}

function globalKey(event) {
  if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") byId("words").focus();
  else if (event.key === "Escape" && (state.pair || state.panel)) set({ pair: null, panel: null });
  else if ((event.key === "[" || event.key === "]") && state.pair) {
    const next = grid.pair(event.key === "]" ? 1 : -1);
    if (!next) return;
    grid.move(grid.focus + (event.key === "]" ? 1 : -1), { grab: false });
    openPair(next);
  } else return;
  event.preventDefault();
}

start();
