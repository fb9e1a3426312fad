// Labels: how the run and its rules do by what a person says of pairs.

import { get, notice } from "./api.js";
import { el, figure, plain, share } from "./dom.js";
import { openPanel, table } from "./panel.js";
import { session, state } from "./state.js";

/** Shows the panel. */
export async function showLabels(close) {
  const body = openPanel("Labels", close);
  try {
    const { labelled, kept, rules } = await get(`${state.run}/labelled`);
    const about = el(
      "p",
      { class: "about" },
      "In the grid, ",
      key("g"),
      " labels a pair good, ",
      key("b"),
      " bad, ",
      key("u"),
      " takes the label off. The labels are in ",
      el("code", {}, session.labels_file),
      "; the run is not changed.",
    );
    if (!labelled) {
      body.replaceChildren(about, el("p", { class: "quiet" }, "No pair of this run is labelled yet."));
      return;
    }
    const row = (name, one) => [name, figure(one.labelled), percent(one.precision), percent(one.recall)];
    const head = ["", "labelled", "precision", "recall"];
    body.replaceChildren(
      about,
      el("p", {}, `${figure(labelled)} pairs of this run are labelled.`),
      table(["kept", ...head.slice(1)], [row("what the run keeps", kept)], "what is kept, by labels"),
      el(
        "p",
        { class: "about" },
        "Precision: the good ones among the labelled pairs that are kept. Recall: the good ones that are kept.",
      ),
      table(
        ["rule", ...head.slice(1)],
        rules.map((rule) => row(plain(rule.reason), rule)),
        "rules, by labels",
      ),
      el(
        "p",
        { class: "about" },
        "Of a rule: the bad ones among the labelled pairs that it leaves out; the bad ones that it leaves out.",
      ),
    );
  } catch (error) {
    notice(error);
  }
}

const percent = (value) => (value === null ? "–" : share(value, 1));
export const key = (name) => el("kbd", {}, name);
