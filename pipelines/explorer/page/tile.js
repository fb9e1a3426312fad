// One pair in the grid.

import { caption, el, figure, plain } from "./dom.js";
import { shownRun, state } from "./state.js";

const shown = new Set(); // rows whose blur was taken off

/** The address of a row's image. */
export const imageUrl = (row) => `/api/${state.run}/image/${row}`;

/** Whether a pair's image is blurred until asked. */
export function isBlurred(pair) {
  const how = document.documentElement.dataset.blur ?? "veiled";
  return !shown.has(pair.row) && (how === "all" || (how === "veiled" && pair.veiled));
}

/** Shows a blurred image from now on. */
export const reveal = (pair) => shown.add(pair.row);

/** Makes the picture of a pair, with a button where it is blurred. */
export function picture(pair, properties = {}) {
  if (!pair.image) return el("span", { class: "picture none" }, el("span", {}, "no image"));
  const image = el("img", { src: imageUrl(pair.row), alt: "", decoding: "async", draggable: "false", ...properties });
  image.addEventListener("error", () => image.replaceWith(el("span", { class: "gone" }, "image cannot be read")));
  const frame = el("span", { class: "picture" }, image);
  if (isBlurred(pair)) {
    frame.classList.add("blurred");
    const show = el("span", { class: "show" }, pair.veiled ? "NSFW · show" : "show");
    show.addEventListener("click", (event) => {
      event.stopPropagation();
      reveal(pair);
      frame.classList.remove("blurred");
      show.remove();
    });
    frame.append(show);
  }
  return frame;
}

/** The first similarity of a pair that is known. */
export function similarity(pair) {
  const name = shownRun().similarities.find((column) => typeof pair[column] === "number");
  return name ? pair[name] : null;
}

/** Makes a grid cell's content. */
export function tile(pair) {
  const score = similarity(pair);
  const fate = pair.reason
    ? el("span", { class: "reason", title: `${pair.stage}: ${pair.reason}` }, plain(pair.reason))
    : el("span", { class: "kept-mark" }, "kept");
  return [
    picture(pair),
    pair.label ? el("span", { class: `label ${pair.label}` }, pair.label === "good" ? "✓ good" : "✕ bad") : null,
    caption(pair.caption, { class: "caption line" }),
    el(
      "span",
      { class: "foot" },
      fate,
      el("span", { class: "grow" }),
      pair.language ? el("span", { class: "language" }, pair.language) : null,
      score === null ? null : el("span", { class: "score" }, figure(score)),
    ),
  ];
}

/** What a screen reader says of a pair. */
export function spoken(pair) {
  const fate = pair.reason ? `left out: ${plain(pair.reason)}` : "kept";
  return [pair.caption || "no caption", pair.language, fate, pair.label && `labelled ${pair.label}`]
    .filter(Boolean)
    .join(", ");
}
