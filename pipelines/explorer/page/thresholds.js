// Thresholds as sliders: what they keep at once, the pairs at the edge, and the recipe that says so.

import { get, notice, post } from "./api.js";
import { el, figure, plain, put, settled, share } from "./dom.js";
import { openPair } from "./pair.js";
import { openPanel, table } from "./panel.js";
import { state } from "./state.js";
import { spoken, tile } from "./tile.js";

const MOST_LANGUAGES = 40;
const BOUNDS = { min: "at least", above: "above", max: "at most", below: "below" };

/** Shows the panel. */
export async function showThresholds(close) {
  const body = openPanel("Thresholds", close);
  try {
    const { sliders, why_not: whyNot } = await get(`${state.run}/sliders`);
    if (!sliders.length)
      body.replaceChildren(el("p", { class: "quiet" }, whyNot ?? "This run has no threshold that can be moved."));
    else await new Thresholds(body, sliders).start();
  } catch (error) {
    notice(error);
  }
}

class Thresholds {
  constructor(body, sliders) {
    Object.assign(this, { body, sliders, changes: {}, others: {}, at: sliders[0].setting, language: null });
    this.controls = el("div", { class: "sliders" });
    this.figures = el("div", { "aria-live": "polite" });
    this.edge = el("div");
    this.languages = el("section");
    this.recipe = el("div");
    this.dry = el("div", { "aria-live": "polite" });
    const others = this.#otherSettings();
    body.replaceChildren(this.controls, this.figures, others, this.recipe, this.dry, this.edge, this.languages);
    this.ask = settled(() => this.#ask(), 30);
  }

  async start() {
    await this.#ask();
    this.#drawControls();
  }

  #value(slider, language) {
    const value = slider.setting in this.changes ? this.changes[slider.setting] : slider.value;
    if (value === null || typeof value !== "object") return value;
    return language in value ? value[language] : (value.default ?? null);
  }

  #move(slider, value) {
    const before = slider.setting in this.changes ? this.changes[slider.setting] : slider.value;
    const byLanguage =
      before !== null && typeof before === "object" ? { ...before } : before === null ? {} : { default: before };
    this.changes[slider.setting] =
      this.language && slider.by_language
        ? { ...byLanguage, [this.language]: value }
        : typeof before === "object" && before !== null
          ? { ...byLanguage, default: value }
          : value;
    this.at = slider.setting;
    this.ask();
  }

  /** Whatever else a recipe may say, for a dry run: no slider shows what it would keep. */
  #otherSettings() {
    const read = (event) => {
      const lines = event.target.value.split("\n").map((line) => line.trim());
      const pairs = lines.filter(Boolean).map((line) => line.split(/\s*=\s*(.*)/s));
      this.others = Object.fromEntries(pairs.map(([setting, value]) => [setting, value ?? ""]));
      this.ask();
    };
    const placeholder = "captions.min_words=3\nlanguage.keep=[en, de]";
    return el(
      "details",
      { class: "others" },
      el("summary", {}, "Other settings"),
      el(
        "p",
        { class: "about" },
        "Sliders decide about images and scored pairs. Captions, URLs, languages, duplicates, caps and balance stay as " +
          "in the run: a dry run goes through all stages with what stands here, one setting a line.",
      ),
      el("textarea", { rows: 3, spellcheck: "false", placeholder, "aria-label": "other settings", oninput: read }),
    );
  }

  #drawControls() {
    const languages = Object.keys(this.answer.languages).slice(0, MOST_LANGUAGES);
    const choose = (event) => {
      this.language = event.target.value || null;
      this.#drawControls();
      this.ask();
    };
    const options = ["", ...languages].map((language) =>
      el("option", { value: language, selected: language === (this.language ?? "") }, language || "all languages"),
    );
    const reset = () => {
      this.changes = {};
      this.#drawControls();
      this.ask();
    };
    this.controls.replaceChildren(
      el(
        "div",
        { class: "actions" },
        el("label", {}, "of ", el("select", { onchange: choose }, options)),
        el("span", { class: "grow" }),
        el("button", { type: "button", class: "small", onclick: reset }, "as in the run"),
      ),
      ...this.sliders.map((slider) => this.#control(slider)),
    );
  }

  #control(slider) {
    const now = this.#value(slider, this.language);
    const step = slider.whole ? 1 : 10 ** Math.floor(Math.log10(Math.max(1e-9, slider.high - slider.low)) - 3);
    const resting = slider.bound === "max" || slider.bound === "below" ? slider.high : slider.low;
    const shown = el("output", {}, now === null ? "off" : figure(now));
    const move = (event) => {
      const value = Number(Number(event.target.value).toPrecision(6));
      shown.textContent = figure(value);
      this.#move(slider, value);
    };
    const name = `${plain(slider.column)} ${BOUNDS[slider.bound]}`;
    const input = el("input", {
      type: "range",
      min: slider.low,
      max: slider.high,
      step,
      value: now ?? resting,
      disabled: this.language && !slider.by_language,
      oninput: move,
      onfocus: () => this.#look(slider),
    });
    return el("label", { class: "slider" }, el("span", {}, name), shown, input);
  }

  #look(slider) {
    if (this.at === slider.setting) return;
    this.at = slider.setting;
    this.ask();
  }

  async #ask() {
    const changes = { ...this.changes, ...this.others };
    try {
      this.answer = await get(`${state.run}/trial`, { changes, at: this.at, language: this.language }, "trial");
      this.#drawFigures();
      this.#drawEdge();
      this.#drawRecipe();
    } catch (error) {
      if (error.name !== "AbortError") this.figures.replaceChildren(el("p", { class: "wrong" }, error.message));
    }
  }

  #drawFigures() {
    const { total, languages, unknown } = this.answer;
    const change = total.trial - total.run;
    const line = (name, counts) => [
      name,
      figure(counts.run),
      figure(counts.trial),
      signed(counts.gained, "+"),
      signed(counts.lost, "−"),
      share(counts.trial, counts.reached),
    ];
    put(
      this.figures,
      el(
        "p",
        { class: "outcome" },
        el("b", {}, figure(total.trial)),
        ` of ${figure(total.reached)} scored pairs pass`,
        change
          ? el(
              "span",
              { class: change > 0 ? "gain" : "loss" },
              ` ${change > 0 ? "+" : "−"}${figure(Math.abs(change))} against the run`,
            )
          : ", as in the run",
      ),
      unknown
        ? el(
            "p",
            { class: "about" },
            `${figure(unknown)} more pairs would come past earlier rules; whether they stay, a dry run says.`,
          )
        : null,
    );
    put(
      this.languages,
      table(
        ["language", "run", "now", "gained", "lost", "share"],
        [line("all", total), ...Object.entries(languages).map(([name, counts]) => line(name, counts))],
        "what the thresholds keep",
      ),
    );
  }

  #drawEdge() {
    const side = (name, pairs) =>
      el(
        "section",
        {},
        el("h3", {}, name),
        pairs.length
          ? el(
              "ul",
              { class: "cards" },
              pairs.map((pair) =>
                el(
                  "li",
                  {},
                  el(
                    "button",
                    { type: "button", class: "card", "aria-label": spoken(pair), onclick: () => openPair(pair) },
                    tile(pair),
                  ),
                ),
              ),
            )
          : el("p", { class: "quiet" }, "none"),
      );
    const { edge } = this.answer;
    this.edge.replaceChildren(side("Just kept", edge.kept), side("Just left out", edge.left_out));
  }

  #drawRecipe() {
    const changes = { ...this.changes, ...this.others };
    if (!Object.keys(changes).length) {
      this.recipe.replaceChildren();
      return;
    }
    const search = new URLSearchParams({ changes: JSON.stringify(changes) });
    const said = (value) => (typeof value === "string" ? value : JSON.stringify(value));
    const lines = Object.entries(changes).map(([setting, value]) => `--set '${setting}=${said(value)}'`);
    this.recipe.replaceChildren(
      el("h3", {}, "As a recipe"),
      el("pre", { tabindex: "0" }, lines.join(" \\\n")),
      el(
        "div",
        { class: "actions" },
        el(
          "a",
          { class: "button", href: `/api/${state.run}/recipe?${search}`, download: "recipe.yaml" },
          "recipe.yaml",
        ),
        el("button", { type: "button", onclick: () => this.#dryRun() }, "dry run"),
      ),
    );
  }

  async #dryRun() {
    try {
      let answer = await post(`${state.run}/dry-run`, { ...this.changes, ...this.others });
      while (answer.state === "running" && this.dry.isConnected) {
        this.dry.replaceChildren(el("p", { class: "quiet" }, "the dry run goes through all stages…"));
        await new Promise((resolve) => setTimeout(resolve, 700));
        answer = await get(`${state.run}/dry-run`);
      }
      this.dry.replaceChildren(
        answer.state === "done" ? dryFunnel(answer) : el("p", { class: "wrong" }, answer.error ?? ""),
      );
    } catch (error) {
      notice(error);
    }
  }
}

const signed = (count, sign) => (count ? `${sign}${figure(count)}` : "0");

function dryFunnel({ funnel, not_stored: notStored }) {
  const rows = funnel.stages
    .filter((stage) => stage.in_rows !== stage.out_rows)
    .map((stage) => [plain(stage.stage), figure(stage.in_rows - stage.out_rows)]);
  const unknown = Object.values(notStored).reduce((sum, rowsOf) => sum + rowsOf, 0);
  return el(
    "section",
    {},
    el("h3", {}, "Dry run"),
    el(
      "p",
      { class: "outcome" },
      el("b", {}, figure(funnel.kept_rows)),
      ` of ${figure(funnel.input_rows)} pairs would be kept`,
    ),
    unknown
      ? el("p", { class: "about" }, `Of ${figure(unknown)} pairs the fate is not known: nothing of them is stored.`)
      : null,
    table(["left out at", "pairs"], rows, "the dry run's funnel"),
  );
}
