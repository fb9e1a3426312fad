// What is selected, as others take it.

import { el, figure } from "./dom.js";
import { openPanel } from "./panel.js";
import { queryText, shownRun, state } from "./state.js";

const FORMATS = [
  ["uids", "Uids", "a text file, one a line"],
  ["parquet", "Parquet", "all columns and labels"],
  ["webdataset", "Webdataset", "a tar of images, captions and json; pairs without an image are left out"],
  ["python", "Python", "reads the same pairs from the run folder"],
  [
    "atlas",
    "Embedding Atlas",
    "parquet with a projection: embedding-atlas FILE --text caption --x projection_x --y projection_y",
  ],
];

/** Shows the panel. */
export function showExport(close, total) {
  const body = openPanel("Export", close);
  const usable = FORMATS.filter(([kind]) => kind !== "atlas" || shownRun().models.length);
  const links = usable.map(([kind, name, about]) => {
    const search = new URLSearchParams({ q: queryText() });
    return el(
      "li",
      {},
      el("a", { class: "button", href: `/api/${state.run}/export/${kind}?${search}`, download: "" }, name),
      el("p", { class: "quiet" }, about),
    );
  });
  body.replaceChildren(el("p", {}, `${figure(total)} pairs are selected.`), el("ul", { class: "formats" }, links));
}
