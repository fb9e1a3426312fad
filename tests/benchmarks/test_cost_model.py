import numpy as np
import pytest

from benchmarks.cost.model import costs_of, read_prices, read_rates
from benchmarks.cost.shuffles import DIGEST_BYTES, ROWS_A_DEDUP_PARTITION, simulate
from benchmarks.cost_model import main


def test_what_comes_into_a_stage_is_what_those_before_it_let_through():
    rates, prices = read_rates(), read_prices()
    costs = costs_of(1e9, rates, prices)
    assert [cost.rate.stage for cost in costs] == [rate.stage for rate in rates]
    assert costs[-1].rows == pytest.approx(1e9 * np.prod([rate.survivors for rate in rates[:-1]]))
    assert sum(cost.dollars for cost in costs) < 600
    twice = costs_of(2e9, rates, prices)
    assert sum(cost.dollars for cost in twice) == pytest.approx(2 * sum(cost.dollars for cost in costs))


def test_a_rate_that_is_not_ours_or_not_there_is_refused(tmp_path):
    file = tmp_path / "rates.yaml"
    file.write_text("- {stage: read, survivors: 1, cores: 3}")
    with pytest.raises(ValueError, match="no rate 'cores'"):
        read_rates(file)
    file.write_text("- {stage: read, survivors: 1, measured: [gpu_s]}")
    with pytest.raises(ValueError, match="gpu_s is said to be measured and is not there"):
        read_rates(file)


def test_a_partition_by_digests_does_not_grow_with_the_input():
    small, large = (simulate(rows, workers=16)[0] for rows in (10_000_000, 400_000_000))
    assert large.partitions == 40 * small.partitions
    for shuffle in (small, large):
        assert shuffle.largest_bytes < 1.1 * ROWS_A_DEDUP_PARTITION * DIGEST_BYTES


def test_rates_that_nobody_measured_are_marked(capsys):
    assert main(["--pairs", "1e7", "--workers", "8"]) == 0
    lines = {line.split("  ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "~" in lines["score"]
    assert "~" not in lines["rules, language, metadata"]
    assert "goal: below 600" in [*lines][-1]
