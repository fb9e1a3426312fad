from concurrent.futures import ThreadPoolExecutor

from babelsift.pipelines.core.tally import Tally, begin_tally, current_tally


def test_counts_of_a_stage_are_added_and_dated():
    now = [1.0]
    tally = Tally(clock=lambda: now[0])
    tally.add("rules", in_rows=10)
    now[0] = 4.0
    tally.add("rules", in_rows=5, out_rows=7)
    assert tally.to_json()["stages"] == {
        "rules": {"began": 1.0, "latest": 4.0, "counts": {"in_rows": 15, "out_rows": 7}}
    }


def test_a_stage_begins_where_the_one_before_it_counted_last():
    now = [1.0]
    tally = Tally(clock=lambda: now[0])
    for now[0], stage in [(2.0, "read"), (3.0, "read"), (9.0, "rules")]:
        tally.add(stage, in_rows=1)
    stages = tally.to_json()["stages"]
    assert (stages["read"]["began"], stages["rules"]["began"], stages["rules"]["latest"]) == (1.0, 3.0, 9.0)


def test_no_count_is_lost_between_threads():
    tally = Tally()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: tally.add("read", in_rows=1), range(2000)))
    assert tally.to_json()["stages"]["read"]["counts"] == {"in_rows": 2000}


def test_downloads_by_outcome_and_the_hosts_that_fail_most():
    tally = Tally()
    for host in ["a.org", "a.org", "b.org"]:
        tally.add_download("timeout", host, 0)
    tally.add_download("success", "a.org", 900)
    tally.add_download("url_without_host", None, 0)
    told = tally.to_json()
    assert told["downloads"] == {"timeout": 3, "success": 1, "url_without_host": 1}
    assert told["failed_hosts"] == {"a.org": 2, "b.org": 1}
    assert told["download_bytes"] == 900


def test_hosts_without_end_are_bounded_and_the_worst_stays():
    tally = Tally()
    for number in range(50_000):
        tally.add_download("timeout", f"{number}.org", 0)
        tally.add_download("timeout", "worst.org", 0)
    assert next(iter(tally.to_json()["failed_hosts"].items())) == ("worst.org", 50_000)


def test_another_run_of_the_process_begins_at_nothing():
    current_tally().add("read", in_rows=1)
    assert begin_tally().to_json()["stages"] == {}
    assert current_tally().to_json()["stages"] == {}
