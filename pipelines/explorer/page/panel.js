// The panel at the side: one at a time, with a heading and what closes it; the focus comes back to where it was.

import { byId, el } from "./dom.js";

let opener = null;

/** Shows a panel; returns its body. */
export function openPanel(title, close) {
  const panel = byId("panel");
  if (panel.hidden) opener = document.activeElement;
  const body = el("div", { class: "body" }, el("p", { class: "quiet waits-for-it" }, "…"));
  const heading = el("h2", { tabindex: "-1" }, title);
  const button = el("button", { type: "button", class: "close", "aria-label": "Close", onclick: close }, "×");
  panel.replaceChildren(el("div", { class: "head" }, heading, el("span", { class: "grow" }), button), body);
  panel.hidden = false;
  panel.setAttribute("aria-label", title);
  panel.onkeydown = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  };
  heading.focus({ preventScroll: true });
  return body;
}

/** Takes the panel away; otherwise() gives the focus to something where what had it is gone. */
export function closePanel(otherwise) {
  const panel = byId("panel");
  if (panel.hidden) return;
  panel.hidden = true;
  panel.replaceChildren();
  if (opener?.isConnected) opener.focus({ preventScroll: true });
  else otherwise();
  opener = null;
}

/** A table of rows of texts and elements; the first of heads is of the words, the others are of numbers. */
export function table(heads, rows, caption) {
  const head = el(
    "tr",
    {},
    heads.map((text, at) => el("th", { scope: "col", class: at ? "number" : null }, text)),
  );
  const lines = rows.map((cells) =>
    el(
      "tr",
      {},
      cells.map((cell, at) => el(at ? "td" : "th", { scope: at ? null : "row", class: at ? "number" : null }, cell)),
    ),
  );
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", {}, el("thead", {}, head), el("tbody", {}, lines)),
  );
}
