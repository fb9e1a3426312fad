import pytest

from babelsift.pipelines.run_folder.progress.view import ProgressWatch, stage_timings

STAGES = ["read", "rules", "language", "dedup_pairs", "download", "score"]


def stage(began, latest, **counts):
    return {"began": began, "latest": latest, "counts": counts}


def process(at, stages, **facts):
    return {"at": at, "began": 0.0, "plan": {"stages": STAGES, "rows": 1000}, "stages": stages, **facts}


READ = {
    "read": stage(1, 20, in_rows=1000, out_rows=800),
    "rules": stage(1, 20, in_rows=800, out_rows=400),
    "language": stage(1, 20, in_rows=400, out_rows=300),
    "dedup_pairs": stage(20, 25, in_rows=300, out_rows=200),
}


def test_the_first_stage_goes_by_the_rows_of_the_input():
    view = ProgressWatch().view([process(10, {"read": stage(1, 10, in_rows=500, out_rows=400)})])
    assert (view.stage, view.number, view.stages) == ("read", 1, 6)
    assert (view.rows, view.of_rows, view.share) == (500, 1000, 0.5)


def test_a_later_stage_goes_by_what_came_through_those_before_it():
    view = ProgressWatch().view([process(60, READ | {"download": stage(25, 60, done_rows=94)})])
    assert (view.stage, view.number) == ("download", 5)
    assert (view.rows, view.of_rows) == (94, 200)


def test_a_wrong_estimate_of_the_input_does_not_outlive_the_reading():
    processes = [process(60, READ | {"download": stage(25, 60, done_rows=94)})]
    processes[0]["plan"]["rows"] = 9_000_000
    assert ProgressWatch().view(processes).of_rows == 200


def test_the_stage_that_works_is_shown_and_not_one_that_has_begun_behind_it():
    download = stage(25, 60, in_rows=100, out_rows=80, done_rows=110)
    view = ProgressWatch().view([process(60, READ | {"download": download, "score": stage(50, 59, in_rows=80)})])
    assert view.stage == "download"


def test_rates_and_the_time_left_are_of_what_changed_between_two_looks():
    watch = ProgressWatch()
    watch.view([process(60, READ | {"download": stage(25, 60, done_rows=100)}, download_bytes=1_000_000)])
    view = watch.view([process(70, READ | {"download": stage(25, 70, done_rows=120)}, download_bytes=6_000_000)])
    assert (view.rows_per_s, view.left_s, view.bytes_per_s) == (2.0, 40.0, 500_000.0)
    assert "stage 5 of 6: 120 of 200 rows (60%), 2/s, 40 s left" in str(view)


def test_rates_are_of_the_latest_half_minute():
    watch = ProgressWatch()
    rates = [
        watch.view([process(at, {"read": stage(0, at, in_rows=min(at, 100))})]).rows_per_s for at in range(0, 200, 10)
    ]
    assert (rates[5], rates[-1]) == (1.0, 0.0)


def test_all_processes_are_summed():
    downloads = {"success": 80, "timeout": 10, "dns_failure": 4}
    worker = process(61, {"download": stage(26, 61, done_rows=6)}, downloads=downloads, memory_bytes=2 * 10**9)
    driver = process(60, READ, failed_hosts={"a.org": 3}, memory_bytes=10**9)
    view = ProgressWatch().view([driver, worker | {"failed_hosts": {"a.org": 3, "b.org": 4}}])
    assert (view.rows, view.memory_bytes) == (6, 3 * 10**9)
    assert view.failed_host == ("a.org", 6)
    assert "downloads: 80 of 94 succeed (85%), timeout 10, dns_failure 4; most fail at a.org (6)" in str(view)
    assert "3.0 GB of memory" in str(view)


@pytest.mark.parametrize("processes", [[], [process(3, {})]])
def test_before_the_first_row_it_is_preparing(processes):
    view = ProgressWatch().view(processes)
    assert view.stage is None
    assert str(view).startswith("preparing")


def test_the_account_in_time():
    timings = stage_timings([process(60, READ | {"score": stage(30, 40, in_rows=50, out_rows=50, score_msec=9000)})])
    assert [timing["stage"] for timing in timings] == ["read", "rules", "language", "dedup_pairs", "score"]
    expected = {"began_s": 30, "seconds": 10, "in_rows": 50, "out_rows": 50, "rows_per_s": 5.0, "score_msec": 9000}
    assert timings[-1] == {"stage": "score"} | expected
