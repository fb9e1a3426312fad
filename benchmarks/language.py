"""Language and rules together: against a bare loop over the raw model, and the same filters in two peers.

Captions: the demo's own, or with `CAPTIONS=FILE.parquet` those of a table (column TEXT, text, caption ...). All sides
run in one process each, with the lid.176.ftz that we ship. datatrove's filters run as its executor chains them; those
of Data-Juicer as its datasets run them and, for comparison, its operators alone, batch by batch without a dataset.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.filters.language.identifier import LanguageIdentifier
from babelsift.filters.language.model_file import shipped_model
from babelsift.filters.rules import reject_by_captions, reject_by_language
from babelsift.pipelines.demo.web import build_web
from babelsift.pipelines.inputs.slices import CAPTION_COLUMNS
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.schemas import Decision
from babelsift.schemas.recipe import CaptionRules, LanguageSettings
from benchmarks.harness.outcome import Figure, Outcome, alternating, median_ratio
from benchmarks.peers.environments import PeerError, run_peer

CAPTIONS = 20_000
RUNS, PEER_RUNS = 5, 3
_BATCH_ROWS = 4096
_RAW_GOAL, _PEER_GOAL = 0.6, 5
# What datatrove and Data-Juicer have too; see the scripts in `peers`.
_SHARED_RULES = CaptionRules(min_characters=5, min_words=2, min_letter_ratio=0.5, max_token_repetition_ratio=0.5)
# Every rule that needs no list of its own.
_ALL_RULES = CaptionRules(
    min_characters=5, max_characters=1000, min_words=2, max_words=256, min_letter_ratio=0.5, max_digit_ratio=0.5,
    max_punctuation_ratio=0.5, max_uppercase_ratio=1.0, max_token_repetition_ratio=0.5, reject_boilerplate=True,
    reject_filenames=True, reject_urls=True, reject_markup=True, reject_control_characters=True, reject_mojibake=True,
    reject_emails=True, reject_phone_numbers=True, reject_ip_addresses=True, reject_payment_cards=True,
)  # fmt: skip
_PEERS = ("datatrove", "data_juicer")


def run() -> Outcome:
    """Times all sides on the same captions."""
    captions, source = given_captions()
    array = pa.array(captions, pa.string())
    figures = _against_raw(captions, array)
    shared = _filtering(array, _SHARED_RULES, LanguageSettings())
    shared()
    left_out = []
    with tempfile.TemporaryDirectory() as home:
        file = Path(home) / "captions.json"
        file.write_text(json.dumps(captions))
        for peer in _PEERS:
            goal = f">= {_PEER_GOAL}"
            try:
                rounds = [_round(shared, peer, str(file)) for _ in range(PEER_RUNS)]
            except PeerError as error:
                left_out.append(f"{peer} is left out: {error}")
                figures[f"same_filters_{peer}"] = Figure("captions/s", goal=goal)
                continue
            figures[f"same_filters_{peer}"] = _compared(rounds, "seconds", len(captions), goal)
            if "bare_seconds" in rounds[0]:
                figures[f"{peer}_operators_alone"] = _compared(rounds, "bare_seconds", len(captions), goal)
    runs = f"medians of {RUNS} runs (peers {PEER_RUNS}), a process a side"
    what = f"{len(captions)} captions of {source}, {runs}; the first peer is the raw predict"
    return Outcome("language", "\n".join([what, *left_out]), figures)


def _round(shared: Callable[[], None], peer: str, file: str) -> dict:
    """Ours, then the peer: {"ours": seconds, "seconds": the peer's ...}."""
    ours = alternating({"ours": shared}, runs=1)["ours"][0]
    found = run_peer(peer, f"{peer}_filters.py", file, shipped_model(), "1")
    return {"ours": ours} | {name: value[0] for name, value in found.items() if name.endswith("seconds")}


def _compared(rounds: list[dict], name: str, captions: int, goal: str | None) -> Figure:
    ours, theirs = ([one[side] for one in rounds] for side in ("ours", name))
    pace = (captions / statistics.median(seconds) for seconds in (ours, theirs))
    return Figure("captions/s", *pace, median_ratio(theirs, ours), goal)


def given_captions() -> tuple[list[str], str]:
    """Returns the captions of the file that CAPTIONS names, or the demo's, and where they are from."""
    given = os.environ.get("CAPTIONS")
    if given is None:
        pairs = build_web(0, CAPTIONS).pairs
        return [pair.caption for pair in pairs], "the demo"
    names = pq.read_schema(given).names
    column = next((name for name in CAPTION_COLUMNS if name in names), None)
    if column is None:
        raise SystemExit(f"CAPTIONS: {given} has none of the columns {', '.join(CAPTION_COLUMNS)}; it has {names}")
    values = pq.read_table(given, columns=[column]).column(0).drop_null().to_pylist()
    # The raw model takes no line breaks.
    return [" ".join(value.split()) for value in values], Path(given).name


def _against_raw(captions: list[str], array: pa.Array) -> dict[str, Figure]:
    import fasttext

    model = fasttext.load_model(shipped_model())
    recipe = load_recipe("demo")

    def raw() -> None:
        for caption in captions:
            model.predict(caption)

    sides = {
        "raw": raw,
        "language_alone": _filtering(array, CaptionRules(), LanguageSettings()),
        "captions_per_s": _filtering(array, recipe.captions, recipe.language),
        "captions_per_s_all_rules": _filtering(array, _ALL_RULES, LanguageSettings()),
    }
    for side in sides.values():
        side()
    seconds = alternating(sides, runs=RUNS)
    pace = {side: len(captions) / statistics.median(times) for side, times in seconds.items()}
    return {
        side: Figure(
            "captions/s", pace[side], pace["raw"], median_ratio(seconds["raw"], seconds[side]), f">= {_RAW_GOAL}"
        )
        for side in sides
        if side != "raw"
    }


def _filtering(array: pa.Array, rules: CaptionRules, language: LanguageSettings) -> Callable[[], None]:
    """Rules and then language, as the pipeline runs them: the model is asked for what the rules keep."""
    identifier = LanguageIdentifier(language.model)
    identifier.load()

    def filtering() -> None:
        for start in range(0, len(array), _BATCH_ROWS):
            # A slice is new each time: what a batch's code points are is not remembered from run to run.
            batch = array.slice(start, _BATCH_ROWS)
            decision = Decision.keep_all(len(batch))
            reject_by_captions(batch, rules, decision)
            kept = batch.filter(pa.array(decision.kept))
            found = identifier.identify(kept)
            reject_by_language(kept, *found.columns, language, Decision.keep_all(len(kept)))

    return filtering


if __name__ == "__main__":
    outcome = run()
    print(outcome.table())
