// A histogram that is brushed: drag over it, or type its ends.

import { el, figure, plain, svg } from "./dom.js";

const WIDTH = 240;
const HEIGHT = 46;

export class Histogram {
  /** Shows a column of numbers; axis: {edges, whole}; all: rows a bin, the last of which is rows without a number. */
  constructor(column, axis, all, change) {
    Object.assign(this, { column, axis, all: all.slice(0, -1), change });
    this.last = Math.max(1, this.all.findLastIndex((count) => count > 0) + 1);
    this.svg = svg("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      class: "histogram",
      role: "img",
      "aria-label": `how ${plain(column.name)} is spread`,
    });
    this.bars = svg("g", { class: "now" });
    this.brush = svg("rect", { class: "brush", y: 0, height: HEIGHT, width: 0 });
    this.svg.append(svg("g", { class: "all" }, this.#drawn(this.all)), this.bars, this.brush);
    this.low = this.#end("from", 0);
    this.high = this.#end("to", 1);
    this.none = el("span", { class: "none" });
    this.element = el(
      "div",
      { class: "numbers" },
      this.svg,
      el(
        "div",
        { class: "ends" },
        this.low,
        el("span", { "aria-hidden": "true" }, "–"),
        this.high,
        el("span", { class: "grow" }),
        this.none,
      ),
    );
    this.svg.addEventListener("pointerdown", (event) => this.#drag(event));
    this.svg.addEventListener("dblclick", () => this.change(null));
  }

  /** Shows counts; wanted: the two ends that are asked for, or null. */
  update(counts, wanted) {
    this.wanted = wanted;
    this.bars.replaceChildren(...this.#drawn(counts.slice(0, -1)));
    this.none.textContent = counts.at(-1) ? `${figure(counts.at(-1))} without` : "";
    [this.low.value, this.high.value] = [wanted?.[0] ?? "", wanted?.[1] ?? ""];
    this.#shade(wanted?.[0] ?? null, wanted?.[1] ?? null);
  }

  #end(word, side) {
    const edge = side ? this.axis.edges[this.last] : this.axis.edges[0];
    const set = () => {
      const ends = [this.low, this.high].map((input) => (input.value === "" ? null : Number(input.value)));
      this.change(ends.every((end) => end === null) ? null : ends);
    };
    return el("input", {
      type: "number",
      step: "any",
      placeholder: figure(this.axis.whole ? Math.round(edge) : edge),
      "aria-label": `${plain(this.column.name)} ${word}`,
      onchange: set,
    });
  }

  #drawn(counts) {
    const most = Math.sqrt(Math.max(1, ...this.all));
    const width = WIDTH / this.last;
    return counts.slice(0, this.last).map((count, bin) => {
      const height = count ? Math.max(1, (HEIGHT * Math.sqrt(count)) / most) : 0;
      return svg("rect", { x: bin * width, y: HEIGHT - height, width: Math.max(0.5, width - 0.8), height });
    });
  }

  #binAt(event) {
    const box = this.svg.getBoundingClientRect();
    return Math.max(0, Math.min(this.last, ((event.clientX - box.left) / box.width) * this.last));
  }

  #drag(event) {
    const from = this.#binAt(event);
    const ends = (now) => [
      Math.floor(Math.min(from, now)),
      Math.max(Math.ceil(Math.max(from, now)), Math.floor(Math.min(from, now)) + 1),
    ];
    const move = (moved) => this.#shadeBins(...ends(this.#binAt(moved)));
    const done = (moved) => {
      this.svg.removeEventListener("pointermove", move);
      this.svg.removeEventListener("pointerup", done);
      const [first, end] = ends(this.#binAt(moved));
      const { edges, whole } = this.axis;
      const [low, high] = [edges[first], edges[end]];
      this.change(
        whole ? [Math.ceil(low), Math.floor(high)] : [Number(low.toPrecision(5)), Number(high.toPrecision(5))],
      );
    };
    this.svg.setPointerCapture(event.pointerId);
    this.svg.addEventListener("pointermove", move);
    this.svg.addEventListener("pointerup", done);
    move(event);
  }

  #shadeBins(first, end) {
    this.brush.setAttribute("x", (first * WIDTH) / this.last);
    this.brush.setAttribute("width", ((end - first) * WIDTH) / this.last);
  }

  #shade(low, high) {
    if (low === null && high === null) {
      this.brush.setAttribute("width", 0);
      return;
    }
    this.#shadeBins(low === null ? 0 : this.#place(low), high === null ? this.last : this.#place(high));
  }

  #place(value) {
    const { edges } = this.axis;
    const bin = edges.findLastIndex((edge) => edge <= value);
    if (bin < 0) return 0;
    if (bin >= this.last) return this.last;
    return bin + (value - edges[bin]) / (edges[bin + 1] - edges[bin] || 1);
  }
}
