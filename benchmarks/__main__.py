"""Runs benchmarks by name, or all of them: `python -m benchmarks [NAME]`; `--list` says what there is."""

from __future__ import annotations

import importlib
import sys

from benchmarks.harness.outcome import Outcome

BENCHMARKS = {
    "overhead": "the demo's pairs through Beam, against a plain loop over the same stages",
    "language": "language identification and the rules on captions, against fastText alone, datatrove, Data-Juicer",
    "columns": "columns of texts, against the bare loops of fastText and of a transformer",
    "pair_dedup": "pair dedup at 1 and 10 million rows",
    "near_captions": "nearly equal captions, against datatrove's MinHash",
    "skew": "a million copies of one image, against as many different ones",
    "metadata_matching": "500 000 concept entries: to build the matcher, and to match",
    "download": "downloading photographs, against img2dataset (PHOTOS=DIR)",
    "opt_outs": "what hearing opt-outs costs a download, at 100 URLs a host and at 2.2",
    "download_memory": "peak memory of downloads of two sizes (PHOTOS=DIR)",
    "texts": "several texts an image, against the same images with one each",
    "report": "the report of a million rows: time, memory, size of the page",
    "dry_run": "how long a dry run takes",
    "explorer": "the explorer at 100 000 pairs and a million: opening, filters, sliders, memory",
    "survive": "a run that is killed at 20 moments, and repeated",
    "object_store": "requests of runs on S3 by kind, and a store that takes 50 ms for each",
    "sharding": "memory and time of selecting and sharding 1 and 10 million pairs",
    "scale": "metadata of 1 and 10 million pairs through every stage in one process (ROWS=...)",
    "text_cores": "rules, language and metadata matching on two cores, against one",
    "shard_writing": "writing final shards from local staging, against webdataset",
    "sources": "reading WAT files, against cc2dataset; WARC files and tables, against a bare loop over their parsers",
    "selection": "selection's rules at a million pairs",
    "clip_scoring": "scoring with ViT-B-32, against bare forward passes, Data-Juicer, clip-retrieval",
    "clip_feed": "the feed of a model that costs nothing: decoding in processes, against threads (PHOTOS=DIR)",
    "clip_gpu": "scoring on a GPU: ceilings, bare passes, feed, resize, end to end, steps, bits, little memory",
    "image_dedup_quality": "copies of photographs that are found, against imagehash and imagededup (PHOTOS=DIR)",
    "image_dedup_scale": "near-duplicates among 1 and 10 million hashes, against faiss",
    "semantic_dedup": "semantic dedup of a million embeddings",
}
# Run by themselves, each with arguments of its own.
BY_THEMSELVES = {
    "cost_model": "what a run of 10 M, 1 B, 6 B pairs costs, and what breaks first",
    "img2dataset_contract": "our staging folder, field by field against img2dataset's",
    "real_input": "TABLE PHOTOS OUT: a real table of pairs, photographs standing in for its web",
    "fuzz_images": "mutated images through decoding",
}


def main(names: list[str]) -> int:
    """Runs the benchmarks; each prints a table for people and, last, one JSON line."""
    if names == ["--list"]:
        for name, what in BENCHMARKS.items():
            print(f"{name:20}  {what}")
        for name, what in BY_THEMSELVES.items():
            print(f"{name:20}  {what}; python -m benchmarks.{name}")
        return 0
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"bench: no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    for name in names or BENCHMARKS:
        print(f"bench: {name}", flush=True)
        outcome: Outcome = importlib.import_module(f"benchmarks.{name}").run()
        print(outcome.table())
        print(outcome.json_line(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
