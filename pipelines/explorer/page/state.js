// What is looked at, in the page's address: a permalink at any time.

const listeners = new Map();
const empty = () => ({ where: {}, text: "", near: null, sort: null, descending: false });

export const state = { run: 0, query: empty(), pair: null, panel: null };
export const session = { runs: [], labels_file: "" };

/** The run that is shown. */
export const shownRun = () => session.runs[state.run];

/** Calls a function when one of the parts of the state has changed: run, query, pair, panel. */
export function on(part, call) {
  listeners.set(part, [...(listeners.get(part) ?? []), call]);
}

/** Changes parts of the state, says so in the address, and tells who listens. */
export function set(changes) {
  const parts = Object.keys(changes).filter((part) => JSON.stringify(state[part]) !== JSON.stringify(changes[part]));
  Object.assign(state, changes);
  if (!parts.length) return;
  history[parts.includes("pair") || parts.includes("run") ? "pushState" : "replaceState"](null, "", address());
  tell(parts);
}

/** Changes the query. */
export const ask = (changes) => set({ query: { ...state.query, ...changes } });

/** Sets the condition on a column, or takes it off. */
export function where(column, wanted) {
  const conditions = { ...state.query.where };
  if (wanted === null) delete conditions[column];
  else conditions[column] = wanted;
  ask({ where: conditions });
}

/** Asks for all pairs again. */
export const clear = () => set({ query: { ...empty(), sort: state.query.sort, descending: state.query.descending } });

/** The query as the server takes it. */
export function queryText(query = state.query) {
  const said = Object.fromEntries(Object.entries(query).filter(([, value]) => value && value !== ""));
  return JSON.stringify(said);
}

/** The page's address of what is looked at, or of a pair. */
export function address(pair = state.pair) {
  const parts = new URLSearchParams();
  if (state.run) parts.set("run", state.run);
  const said = queryText();
  if (said !== '{"where":{}}') parts.set("q", said);
  if (pair) parts.set("pair", pair);
  if (state.panel) parts.set("panel", state.panel);
  return `#${parts}`;
}

/** Reads the state from the address. */
export function read() {
  const parts = new URLSearchParams(location.hash.slice(1));
  let query = empty();
  try {
    query = { ...query, ...JSON.parse(parts.get("q") ?? "{}") };
  } catch {
    // An address that somebody has cut: all pairs are shown.
  }
  const run = Number(parts.get("run") ?? 0);
  const known = Number.isInteger(run) && run >= 0 && run < session.runs.length ? run : 0;
  const before = { ...state };
  Object.assign(state, { run: known, query, pair: parts.get("pair"), panel: parts.get("panel") });
  tell(Object.keys(state).filter((part) => JSON.stringify(before[part]) !== JSON.stringify(state[part])));
}

function tell(parts) {
  for (const call of new Set(parts.flatMap((part) => listeners.get(part) ?? []))) call();
}

/** Tells who listens to a part that it is to be looked at again. */
export const again = (...parts) => tell(parts);
