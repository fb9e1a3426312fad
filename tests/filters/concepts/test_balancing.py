"""Balancing is held to the published rules, written once more as plain loops over the same draws."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.filters.concepts import (
    EntryProbabilities,
    add_entry_counts,
    count_entries,
    entry_draws,
    pair_draws,
    reject_by_balance,
    tail_share,
    threshold_for_share,
    thresholds,
)
from babelsift.filters.uids import compute_uids
from babelsift.schemas import Decision
from babelsift.schemas.recipe import BalanceSettings


def rows_of(matches, first=0):
    numbers = pa.array([str(first + row) for row in range(len(matches))])
    return pa.RecordBatch.from_pydict(
        {"uid": compute_uids(numbers, numbers), "matched_entries": pa.array(matches, pa.list_(pa.int32()))}
    )


def kept(batch, lists, counts, settings, seed=0):
    at = thresholds(counts, settings)
    known = {name: EntryProbabilities.of(counts[name], at[name]) for name in counts}
    decision = Decision.keep_all(len(batch))
    reject_by_balance(batch, lists, known, settings, seed, decision)
    return decision.kept


def metaclip_1(matches, uids, t, seed):
    """balancing.py: counts, then any(random() < t / max(count, t)) of the matched entries."""
    counts = {}
    for entries in matches:
        for entry in entries:
            counts[entry] = counts.get(entry, 0) + 1
    return [
        any(
            entry_draws(pa.array([uid]), np.array([entry], np.int32), seed)[0] < t / max(counts[entry], t)
            for entry in entries
        )
        for uid, entries in zip(uids, matches, strict=True)
    ]


def metaclip_2(matches, lists, uids, t_en, seed):
    """curate.py: t_to_p of English, p_to_t of each other language, then 1 - prod(1 - p) against one draw."""
    counts = {}
    for name, entries in zip(lists, matches, strict=True):
        for entry in entries:
            counts.setdefault(name, {}).setdefault(entry, 0)
            counts[name][entry] += 1
    english = sorted(counts["en"].values())
    share = sum(count for count in english if count < t_en) / sum(english)
    at = {}
    for name, of_list in counts.items():
        ordered, total, running, nearest = sorted(of_list.values()), sum(of_list.values()), 0, None
        for count in ordered:
            running += count
            distance = abs(running / total - share)
            if nearest is None or distance < nearest[0]:
                nearest = (distance, count)
        at[name] = t_en if name == "en" else nearest[1]
    found = []
    for name, entries, uid in zip(lists, matches, uids, strict=True):
        missed = 1.0
        for entry in entries:
            missed *= 1.0 - at[name] / max(counts[name][entry], at[name])
        found.append(bool(entries) and not 1.0 - missed < pair_draws(pa.array([uid]), seed)[0])
    return found, at


def skewed(rows, entries, seed):
    rng = np.random.default_rng(seed)
    popular = np.minimum(rng.zipf(1.4, (rows, 4)) - 1, entries - 1)
    return [sorted(set(row[: rng.integers(1, 5)].tolist())) for row in popular]


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("t", [1, 20, 10_000])
def test_metaclip_1_is_the_published_rule(seed, t):
    matches = skewed(1500, 60, seed)
    batch = rows_of(matches)
    counts = {"": count_entries(batch.column("matched_entries"))}
    found = kept(batch, [""] * len(batch), counts, BalanceSettings(threshold=t), seed)
    assert found.tolist() == metaclip_1(matches, batch.column("uid").to_pylist(), t, seed)
    assert found.all() == (t == 10_000)


@pytest.mark.parametrize("t", [3, 40])
def test_metaclip_2_is_the_published_rule_with_a_threshold_a_language(t):
    lists = ["en"] * 1200 + ["de"] * 500 + ["sw"] * 60
    matches = skewed(1200, 50, 1) + skewed(500, 40, 2) + skewed(60, 20, 3)
    batch = rows_of(matches)
    counts = {
        name: count_entries(batch.column("matched_entries").take(pa.array(np.flatnonzero(np.array(lists) == name))))
        for name in ("en", "de", "sw")
    }
    settings = BalanceSettings(rule="metaclip-2", threshold=t)
    expected, at = metaclip_2(matches, lists, batch.column("uid").to_pylist(), t, 5)
    assert thresholds(counts, settings) == at
    assert at["sw"] < at["en"]
    assert kept(batch, lists, counts, settings, 5).tolist() == expected
    assert 0.05 < np.mean(expected) < 0.95


def test_counts_add_up_whatever_the_parts():
    matches = skewed(300, 30, 4)
    whole = count_entries(rows_of(matches).column("matched_entries"))
    parts = [
        count_entries(rows_of(matches[start : start + 70]).column("matched_entries")) for start in range(0, 300, 70)
    ]
    assert (add_entry_counts(parts) == whole).all()
    assert len(add_entry_counts([])) == 0
    assert {int(e): int(r) for e, r in whole.tolist()}[0] == sum(0 in entries for entries in matches)


def test_the_order_of_rows_changes_nothing():
    matches = skewed(400, 30, 5)
    batch = rows_of(matches)
    counts = {"": count_entries(batch.column("matched_entries"))}
    order = np.random.default_rng(0).permutation(400)
    settings = BalanceSettings(threshold=5)
    whole = kept(batch, [""] * 400, counts, settings)
    assert (kept(batch.take(pa.array(order)), [""] * 400, counts, settings) == whole[order]).all()


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=50), st.integers(1, 1000))
def test_a_threshold_and_its_share_say_the_same(counts, threshold):
    counts = np.array(counts)
    share = tail_share(counts, threshold)
    assert 0 <= share <= 1
    assert threshold_for_share(counts, share) <= max(threshold, counts.min())


def test_without_the_reference_language_all_lists_take_the_threshold_itself():
    counts = {"de": count_entries(rows_of([[0], [0, 1]]).column("matched_entries"))}
    assert thresholds(counts, BalanceSettings(rule="metaclip-2", threshold=9)) == {"de": 9}


def test_rows_of_no_list_and_without_entries_are_left_out_and_draws_are_even():
    batch = rows_of([[], [0]])
    counts = {"en": count_entries(batch.column("matched_entries"))}
    for rule in ("metaclip-1", "metaclip-2"):
        assert kept(batch, [None, "en"], counts, BalanceSettings(rule=rule, threshold=5)).tolist() == [False, True]
    uids = rows_of([[0]] * 4000).column("uid")
    for draws in (
        pair_draws(uids, 0),
        entry_draws(uids, np.zeros(4000, np.int32), 0),
        entry_draws(uids, np.ones(4000, np.int32), 0),
    ):
        assert np.histogram(draws, 10, (0, 1))[0].min() > 330
    assert (
        abs(
            np.corrcoef(entry_draws(uids, np.zeros(4000, np.int32), 0), entry_draws(uids, np.ones(4000, np.int32), 0))[
                0, 1
            ]
        )
        < 0.06
    )
