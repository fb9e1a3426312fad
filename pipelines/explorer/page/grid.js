// All pairs of a query as a grid, of which only what is seen is there.

import { get, notice } from "./api.js";
import { byId, el } from "./dom.js";
import { clear, queryText, state } from "./state.js";
import { spoken, tile } from "./tile.js";

const PAGE = 120; // rows a question
const GAP = 10;
const TALLEST = 6_000_000; // px; browsers end between 17 and 33 million
const AHEAD = 2; // lines above and below what is seen

export class Grid {
  /** Shows a query's pairs; tells `open(pair)`, `label(pair, label)` and `counted(answer)`. */
  constructor(box, { open, label, counted }) {
    Object.assign(this, { box, open, label, counted, total: 0, pages: new Map(), focus: 0, line: 0, version: 0 });
    this.spacer = el("div", { class: "spacer", "aria-hidden": "true" });
    this.layer = el("div", {
      class: "layer",
      role: "grid",
      "aria-label": "Pairs",
      onkeydown: (event) => this.#key(event),
      onfocusin: (event) => this.#entered(event),
    });
    const all = el("button", { type: "button", onclick: () => clear() }, "show all pairs");
    this.none = el("p", { class: "none", hidden: true }, "No pair meets all that is asked for. ", all);
    this.scroller = el("div", { class: "scroller" }, this.spacer, this.layer, this.none);
    box.replaceChildren(this.scroller);
    this.scroller.addEventListener("scroll", () => this.#scrolled());
    this.scroller.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    new ResizeObserver(() => this.#measure()).observe(this.scroller);
  }

  /** Asks for the query's pairs from its beginning. */
  async load() {
    const version = ++this.version;
    try {
      const answer = await get(`${state.run}/rows`, { q: queryText(), offset: 0, limit: PAGE }, "rows");
      if (version !== this.version) return;
      this.pages = new Map([[0, answer.rows]]);
      this.total = answer.total;
      this.none.hidden = Boolean(this.total);
      this.layer.hidden = !this.total;
      this.focus = 0;
      this.counted(answer);
      this.#scrollTo(0);
      this.#measure();
    } catch (error) {
      notice(error);
    }
  }

  /** Draws again what is seen; after a label, or another blur. */
  refresh(changed = null) {
    for (const rows of changed ? this.pages.values() : []) {
      for (const pair of rows) if (pair.row === changed.row) Object.assign(pair, changed);
    }
    this.#drawAnew();
  }

  /** The pair that has the focus; or one so many places on. */
  pair(step = 0) {
    const index = this.focus + step;
    return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE] ?? null;
  }

  /** Moves the focus to another pair and shows it. */
  move(index, { grab = true } = {}) {
    this.focus = Math.max(0, Math.min(this.total - 1, index));
    const line = Math.floor(this.focus / this.columns);
    if (line < this.line) this.#scrollTo(line);
    else if (line + 1 > this.line + this.lines) this.#scrollTo(line + 1 - this.lines);
    this.layer.replaceChildren();
    this.#draw();
    if (grab) this.layer.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
  }

  #measure() {
    const width = this.scroller.clientWidth - 2 * GAP;
    if (width <= 0) return;
    const narrow = width < 480;
    this.columns = Math.max(2, Math.floor((width + GAP) / ((narrow ? 150 : 178) + GAP)));
    this.width = Math.floor((width - GAP * (this.columns - 1)) / this.columns);
    this.height = Math.round(this.width * 0.78) + 66 + GAP;
    this.lines = Math.max(1, this.scroller.clientHeight / this.height);
    this.allLines = Math.ceil(this.total / this.columns);
    const tall = this.allLines * this.height + GAP;
    this.isScaled = tall > TALLEST;
    this.spacer.style.height = `${Math.min(tall, TALLEST)}px`;
    this.#drawAnew();
  }

  get #furthest() {
    return Math.max(0, this.allLines - this.lines + GAP / this.height);
  }

  #scrollTo(line) {
    this.line = Math.max(0, Math.min(line, this.#furthest || 0));
    const most = this.scroller.scrollHeight - this.scroller.clientHeight;
    this.held = this.isScaled
      ? Math.round((this.line / this.#furthest) * most)
      : Math.round(this.line * (this.height ?? 0));
    this.scroller.scrollTop = this.held;
  }

  #scrolled() {
    const top = this.scroller.scrollTop;
    if (Math.abs(top - this.held) > 1) {
      const most = this.scroller.scrollHeight - this.scroller.clientHeight;
      this.line = this.isScaled ? (top / Math.max(1, most)) * this.#furthest : top / this.height;
      this.held = top;
    }
    this.#draw();
  }

  #wheel(event) {
    if (!this.isScaled || event.ctrlKey) return; // a pixel of the scroll bar is many lines: the wheel moves by lines
    event.preventDefault();
    this.#scrollTo(this.line + event.deltaY / this.height);
    this.#draw();
  }

  /** Makes every line again; the focus stays in its place. */
  #drawAnew() {
    const held = this.#focused();
    this.layer.replaceChildren();
    this.#draw();
    this.#giveFocus(held);
  }

  #focused() {
    return this.layer.contains(document.activeElement) ? document.activeElement.dataset.index : null;
  }

  #entered(event) {
    const cell = event.target.closest(".tile");
    if (!cell) return;
    for (const other of this.layer.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
    cell.tabIndex = 0;
    this.focus = Number(cell.dataset.index);
  }

  #giveFocus(index) {
    if (index) this.layer.querySelector(`[data-index="${index}"]`)?.focus({ preventScroll: true });
  }

  #draw() {
    if (!this.columns) return;
    const first = Math.max(0, Math.floor(this.line) - AHEAD);
    const last = Math.min(this.allLines, Math.ceil(this.line + this.lines) + AHEAD);
    this.layer.style.transform = `translateY(${this.scroller.scrollTop - (this.line - first) * this.height + GAP}px)`;
    this.layer.setAttribute("aria-rowcount", this.allLines);
    this.layer.setAttribute("aria-colcount", this.columns);
    const kept = new Map([...this.layer.children].map((line) => [Number(line.dataset.line), line]));
    const lines = [];
    for (let line = first; line < last; line += 1) {
      const drawn = kept.get(line);
      lines.push(drawn && !("waits" in drawn.dataset) ? drawn : this.#line(line));
    }
    const before = [...this.layer.children];
    if (before.length !== lines.length || before.some((line, at) => line !== lines[at])) {
      const held = this.#focused();
      this.layer.replaceChildren(...lines);
      this.#giveFocus(held);
    }
  }

  #line(number) {
    const cells = [];
    let waits = false;
    for (let column = 0; column < this.columns; column += 1) {
      const index = number * this.columns + column;
      if (index >= this.total) break;
      const rows = this.pages.get(Math.floor(index / PAGE));
      if (!rows) this.#fetch(Math.floor(index / PAGE));
      const pair = rows?.[index % PAGE];
      waits ||= !pair;
      cells.push(this.#cell(index, column, pair));
    }
    const style = { height: `${this.height - GAP}px`, marginBottom: `${GAP}px` };
    return el(
      "div",
      { class: "line", role: "row", "aria-rowindex": number + 1, "data-line": number, "data-waits": waits, style },
      cells,
    );
  }

  #cell(index, column, pair) {
    const properties = {
      class: `tile${pair?.reason ? " left-out" : ""}`,
      role: "gridcell",
      tabindex: index === this.focus ? "0" : "-1",
      "aria-colindex": column + 1,
      "aria-label": pair ? spoken(pair) : "loading",
      "data-index": index,
      style: { width: `${this.width}px` },
      onclick: () => {
        this.focus = index;
        if (pair) this.open(pair);
      },
    };
    return el("div", properties, pair ? tile(pair) : el("span", { class: "picture waits" }));
  }

  async #fetch(page) {
    if (this.pages.has(page)) return;
    this.pages.set(page, null);
    const version = this.version;
    try {
      const answer = await get(`${state.run}/rows`, { q: queryText(), offset: page * PAGE, limit: PAGE });
      if (version !== this.version) return;
      this.pages.set(page, answer.rows);
      this.#forgetFar(page);
      this.#draw();
    } catch (error) {
      this.pages.delete(page);
      notice(error);
    }
  }

  #forgetFar(page) {
    for (const known of this.pages.keys()) if (Math.abs(known - page) > 40) this.pages.delete(known);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const screen = Math.max(1, Math.floor(this.lines)) * this.columns;
    const steps = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.columns,
      ArrowDown: this.columns,
      PageUp: -screen,
      PageDown: screen,
    };
    const labels = { g: "good", b: "bad", u: null };
    const pair = this.pair();
    if (event.key in steps) this.move(this.focus + steps[event.key]);
    else if (event.key === "Home") this.move(0);
    else if (event.key === "End") this.move(this.total - 1);
    else if ((event.key === "Enter" || event.key === " ") && pair) this.open(pair);
    else if (event.key in labels && pair) {
      this.label(pair, labels[event.key]);
      if (labels[event.key]) this.move(this.focus + 1);
    } else return;
    event.preventDefault();
  }
}

/** The grid's element. */
export const gridBox = () => byId("grid");
