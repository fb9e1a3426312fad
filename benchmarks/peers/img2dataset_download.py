"""Runs in img2dataset's environment: TABLE OUTPUT SETTINGS-as-JSON -> one line of JSON, the seconds of the call."""

import json
import os
import sys
import time

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # importing it would look for a newer one on the network

from img2dataset import download


def main(table: str, output: str, settings: str) -> None:
    started = time.perf_counter()
    download(url_list=table, output_folder=output, **json.loads(settings))
    print(json.dumps({"call_seconds": time.perf_counter() - started}))


if __name__ == "__main__":  # its processes are spawned, and import this
    main(*sys.argv[1:])
