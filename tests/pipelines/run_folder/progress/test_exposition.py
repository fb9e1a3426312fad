from babelsift.pipelines.run_folder.progress.exposition import exposition

STAGES = {"rules": {"began": 2.0, "latest": 9.5, "counts": {"in_rows": 70, "out_rows": 50}}}
DRIVER = {"at": 10.0, "began": 1.0, "plan": {"rows": 90}, "stages": STAGES, "downloads": {"success": 3, 'odd "\n': 1}}


def test_each_metric_has_its_type_and_values_of_all_processes():
    worker = {"at": 12.0, "stages": STAGES, "downloads": {"success": 4}, "download_bytes": 10**15, "memory_bytes": 5}
    lines = exposition([DRIVER, worker], "running").splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values['babelsift_stage_rows_total{stage="rules",way="in"}'] == "140"
    assert values['babelsift_stage_rows_total{stage="rules",way="out"}'] == "100"
    assert values['babelsift_stage_seconds{stage="rules"}'] == "7.5"
    assert values['babelsift_downloads_total{outcome="success"}'] == "7"
    assert values['babelsift_downloads_total{outcome="odd \\"\\n"}'] == "1"
    assert float(values["babelsift_download_bytes_total"]) == 10**15
    assert values['babelsift_run_state{state="running"}'] == "1"
    assert values['babelsift_run_state{state="done"}'] == "0"
    named = {line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")}
    assert named == {line.split(" ")[2] for line in lines if line.startswith("# TYPE")}


def test_what_is_not_known_is_left_out():
    text = exposition([{"at": 1.0, "stages": {}}], "done")
    assert "planned_rows" not in text
    assert "stage_rows" not in text
    assert text.endswith("\n")
