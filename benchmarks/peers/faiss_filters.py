"""Runs in faiss's environment: HASHES.npy ROWS RADIUS -> one line of JSON, seconds of a range search for some rows."""

import json
import sys
import time

import faiss
import numpy as np


def main(path: str, rows: str, radius: str) -> None:
    hashes = np.ascontiguousarray(np.load(path)).view(np.uint8).reshape(-1, 32)
    index = faiss.IndexBinaryFlat(256)
    index.add(hashes)
    wanted = hashes[: int(rows)]
    started = time.perf_counter()
    limits, _, _ = index.range_search(wanted, int(radius) + 1)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "found": int(limits[-1]) - len(wanted)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
