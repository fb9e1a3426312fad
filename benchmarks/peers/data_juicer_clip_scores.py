"""Runs in Data-Juicer's environment: STAGING CHECKPOINT BATCH -> one line of JSON, seconds of its filter.

The filter takes a Hugging Face model: one of the same architecture with weights drawn by lot, and with the vocabulary
that lies beside the checkpoint. It takes samples one by one; BATCH is not used.
"""

import json
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import torch
from data_juicer.core.data import NestedDataset
from data_juicer.ops.filter.image_text_similarity_filter import ImageTextSimilarityFilter
from data_juicer.utils import model_utils
from data_juicer.utils.mm_utils import SpecialTokens
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizerFast


def model_folder(home: Path, vocabulary: Path) -> str:
    torch.manual_seed(0)
    tokens = {"bos_token_id": 49406, "eos_token_id": 49407}
    CLIPModel(CLIPConfig(text_config=tokens)).save_pretrained(home)
    files = {"vocab_file": str(vocabulary / "vocab.json"), "merges_file": str(vocabulary / "merges.txt")}
    CLIPProcessor(CLIPImageProcessor(), CLIPTokenizerFast(**files, model_max_length=77)).save_pretrained(home)
    return str(home)


def main(staging: str, checkpoint: str, batch: str) -> None:
    with tempfile.TemporaryDirectory() as home:
        for tar in sorted(Path(staging).glob("*.tar")):
            with tarfile.open(tar) as members:
                members.extractall(f"{home}/images", filter="data")
        samples = [
            {"text": f"{SpecialTokens.image} {image.with_suffix('.txt').read_text()}", "images": [str(image)]}
            for image in sorted(Path(home, "images").glob("*.jpg"))
        ]
        step = ImageTextSimilarityFilter(
            hf_clip=model_folder(Path(home, "model"), Path(checkpoint).parent), min_score=-1.0
        )
        dataset = NestedDataset.from_list(samples)
        model_utils.get_model(step.model_key, None, False)
        started = time.perf_counter()
        kept = len(step.run(dataset))
        seconds = time.perf_counter() - started
    if kept != len(samples):
        raise AssertionError(f"{kept} of {len(samples)} pairs were kept, although none is below -1")
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
