// Two runs side by side: their funnels, their languages, and what only one of them keeps.

import { get, notice } from "./api.js";
import { el, figure, plain, share } from "./dom.js";
import { openPanel, table } from "./panel.js";
import { set, state } from "./state.js";

/** Shows the panel. */
export async function showCompared(close) {
  const body = openPanel("Two runs", close);
  try {
    const answer = await get("compared");
    body.replaceChildren(languages(answer, 0), languages(answer, 1), funnels(answer));
  } catch (error) {
    notice(error);
  }
}

function languages({ names, fates }, side) {
  const other = names[1 - side];
  const rows = Object.entries(fates[side]);
  const total = rows.reduce(
    (sum, [, counts]) => Object.fromEntries(Object.keys(counts).map((name) => [name, (sum[name] ?? 0) + counts[name]])),
    {},
  );
  const cell = (count, fate, language) =>
    count
      ? el("button", { type: "button", class: "link", onclick: () => show(side, other, fate, language) }, figure(count))
      : "0";
  const line = (language, counts, code) => [
    language,
    figure(counts.kept),
    figure(counts.both),
    cell(counts.rejected, "rejected", code),
    cell(counts.absent, "absent", code),
  ];
  return el(
    "section",
    {},
    el("h3", {}, `What ${names[side]} keeps`),
    table(
      ["language", "kept", "both keep", `${other} leaves out`, `not in ${other}`],
      [line("all", total, null), ...rows.map(([language, counts]) => line(language, counts, language))],
      `what ${names[side]} keeps`,
    ),
  );
}

function show(side, other, fate, language) {
  const where = { fate: ["kept"], [`in ${other}`]: [fate] };
  if (language) where.language = [language];
  set({
    run: side,
    query: { where, text: "", near: null, sort: null, descending: false },
    pair: null,
    panel: state.panel,
  });
}

function funnels({ names, funnels: [first, second] }) {
  const stages = new Map(first.stages.map((stage) => [stage.stage, [stage, null]]));
  for (const stage of second.stages) stages.set(stage.stage, [stages.get(stage.stage)?.[0] ?? null, stage]);
  const left = (stage) => (stage ? stage.in_rows - stage.out_rows : 0);
  const rows = [...stages]
    .filter(([, both]) => both.some(left))
    .map(([name, both]) => [plain(name), ...both.map((stage) => figure(left(stage)))]);
  const ends = [first, second];
  rows.unshift(["pairs in", ...ends.map((funnel) => figure(funnel.input_rows))]);
  rows.push([
    "kept",
    ...ends.map((funnel) => `${figure(funnel.kept_rows)} (${share(funnel.kept_rows, funnel.input_rows)})`),
  ]);
  return el("section", {}, el("h3", {}, "Left out, by stage"), table(["", ...names], rows, "left out, by stage"));
}
