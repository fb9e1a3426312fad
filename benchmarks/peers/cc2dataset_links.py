"""Runs in cc2dataset's environment: WAT -> one line of JSON, CPU seconds and the links that it takes.

Its own functions parse; the cluster around them (pyspark), which parsing does not need, is not installed.
"""

import io
import json
import sys
import time
import types
from pathlib import Path

for name in ("pyspark", "pyspark.sql", "pyspark.sql.functions"):
    module = types.ModuleType(name)
    module.SparkContext = module.SparkSession = module.rand = module.SparkConf = object  # type: ignore[attr-defined]
    sys.modules[name] = module

from cc2dataset.main import extract_documents_from_wat  # noqa: E402
from loguru import logger  # noqa: E402


def main(path: str) -> None:
    logger.remove()
    started = time.process_time()
    links = extract_documents_from_wat(io.BytesIO(Path(path).read_bytes()), "image")
    cpu_s = time.process_time() - started
    Path(path + ".links.json").write_text(json.dumps([[link["url"], link["alt"]] for link in links]))
    print(json.dumps({"cpu_s": cpu_s, "links": len(links)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
