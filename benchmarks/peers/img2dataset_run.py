"""Runs img2dataset on a parquet of URLs, in its own environment: `img2dataset_run.py OPTIONS.json`."""

import json
import os
import sys

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would look for a newer version on the network


def main(options: str) -> None:
    from img2dataset import download

    with open(options) as file:
        download(**json.load(file))


if __name__ == "__main__":
    main(sys.argv[1])
    print(json.dumps({"done": True}))
