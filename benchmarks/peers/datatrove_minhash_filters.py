"""Runs in datatrove's environment: CAPTIONS RUNS -> one line of JSON, seconds of each run and the captions kept.

Its steps run one after the other in this process, without the executor around them; words are its n-grams, one each,
as captions are too short for its default of five.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.utils.hashing import HashConfig


def deduplicate(texts: list, home: Path) -> list:
    """Returns the numbers of the captions that are kept."""
    config = MinhashConfig(n_grams=1, hash_config=HashConfig(precision=64, hash_fc="sha1"))
    signatures, buckets, clusters = (str(home / name) for name in ("signatures", "buckets", "clusters"))

    def documents() -> object:
        return (Document(text=text, id=str(number)) for number, text in enumerate(texts))

    MinhashDedupSignature(signatures, config=config).run(documents(), rank=0, world_size=1)
    for bucket in range(config.num_buckets):
        MinhashDedupBuckets(signatures, buckets, config=config).run(None, rank=bucket, world_size=config.num_buckets)
    MinhashDedupCluster(buckets, clusters, config=config).run()
    return [int(one.id) for one in MinhashDedupFilter(clusters).run(documents(), rank=0, world_size=1)]


def main(captions: str, runs: str) -> None:
    texts = json.loads(Path(captions).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as home:
        deduplicate(texts[:100], Path(home) / "warm")
        seconds = []
        for number in range(int(runs)):
            started = time.perf_counter()
            kept = deduplicate(texts, Path(home) / str(number))
            seconds.append(time.perf_counter() - started)
    print(json.dumps({"seconds": seconds, "kept": kept}))


if __name__ == "__main__":
    main(*sys.argv[1:])
