"""The recipes in docs/clip.md are recipes."""

import re
from pathlib import Path

from babelsift.schemas import parse_recipe

_DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "clip.md"


def test_the_recipes_in_the_document_are_valid():
    blocks = re.findall(r"```yaml\n(.*?)```", _DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    routed = parse_recipe(f"name: x\n{blocks[0]}", source="first")
    headed = parse_recipe(f"name: x\nclip: {{model: ViT-L-14, pretrained: openai}}\n{blocks[1]}", source="second")
    assert [model.languages for model in routed.clip] == [("en",), "others"]
    assert headed.head_names == ("aesthetic", "punsafe", "nsfw_tag", "indoors", "imagenet_cluster", "nsfw")
    assert set(headed.select.conditions) == {"aesthetic", "nsfw"}
