import logging

from babelsift.pipelines.core.progress import Progress
from babelsift.schemas import Stage


def test_it_speaks_every_ten_seconds_with_the_pace_since_it_last_spoke(caplog):
    now = [0.0]
    progress = Progress("download", "rows", Stage.DOWNLOAD, clock=lambda: now[0])
    with caplog.at_level(logging.INFO):
        for second, done in [(1, 100), (9, 100), (10, 800), (15, 500), (30, 500)]:
            now[0] = second
            progress.add(done)
    assert caplog.messages == ["download: 1,000 rows so far, 100 a second", "download: 2,000 rows so far, 50 a second"]
