// The words of a column, the most frequent first, to pick from.

import { el, figure, plain } from "./dom.js";

const SHOWN = 8;

export class Facet {
  constructor(name, change) {
    Object.assign(this, { name, change, isLong: false, sought: "" });
    this.list = el("ul", { class: "words", "aria-label": plain(name) });
    const find = (event) => {
      this.sought = event.target.value.toLowerCase();
      this.#draw();
    };
    this.find = el("input", {
      type: "search",
      class: "find",
      placeholder: "find",
      "aria-label": `find in ${plain(name)}`,
      hidden: true,
      oninput: find,
    });
    const more = () => {
      this.isLong = !this.isLong;
      this.#draw();
    };
    this.more = el("button", { type: "button", class: "more", hidden: true, onclick: more });
    this.element = el("div", { class: "facet" }, this.find, this.list, this.more);
  }

  /** Shows counts; wanted: the words that are picked, or null. */
  update(counts, distinct, wanted) {
    Object.assign(this, { counts, distinct, wanted });
    this.#draw();
  }

  #draw() {
    const picked = new Set(this.wanted ?? []);
    const matching = this.counts.filter(
      ([word]) => !this.sought || (word ?? "none").toLowerCase().includes(this.sought),
    );
    const shown =
      this.isLong || this.sought ? matching : matching.filter(([word], at) => at < SHOWN || picked.has(word));
    const most = Math.max(1, ...this.counts.map(([, count]) => count));
    this.list.replaceChildren(...shown.map(([word, count]) => this.#word(word, count, most, picked)));
    this.find.hidden = this.counts.length <= SHOWN;
    this.more.hidden = this.counts.length <= SHOWN || Boolean(this.sought);
    const rest = this.distinct > this.counts.length ? ` of ${figure(this.distinct)}` : "";
    this.more.textContent = this.isLong ? "fewer" : `${this.counts.length - SHOWN} more${rest}`;
  }

  #word(word, count, most, picked) {
    const isPicked = picked.has(word);
    const pick = () => {
      if (isPicked) picked.delete(word);
      else picked.add(word);
      this.change(picked.size ? [...picked] : null);
    };
    const bar = el("span", { class: "bar", style: { width: `${(100 * count) / most}%` } });
    const name =
      word === null
        ? el("i", {}, this.name === "reason" || this.name === "stage" ? "kept" : "none")
        : el("bdi", {}, plain(word));
    return el(
      "li",
      {},
      el(
        "button",
        { type: "button", "aria-pressed": String(isPicked), onclick: pick },
        bar,
        el("span", { class: "word" }, name),
        el("span", { class: "rows" }, figure(count)),
      ),
    );
  }
}
