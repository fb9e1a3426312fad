import cv2
import numpy as np

from babelsift.pipelines.rendering import ReportData, Sample, preview, previewed, render_card
from babelsift.schemas import Funnel, recipe_from


def sample(number, reason=None, **more):
    image = cv2.imencode(".webp", np.full((30, 90, 3), 10 * number, np.uint8))[1].tobytes()
    fields = {"uid": f"{number:032x}", "caption": f"caption {number}", "image": image, "image_extension": "webp"}
    return Sample("shard" if reason is None else "rules", reason, **{**fields, **more})


def test_the_picture_shows_a_dozen_kept_pairs_none_of_them_hidden_or_damaged():
    others = [sample(1, "too_few_words"), sample(2, is_veiled=True), sample(3, is_near=True), sample(4, image=b"no")]
    others += [sample(0, caption_before="perhaps left out later")]
    shown = previewed([*others, *(sample(number) for number in range(5, 25))])
    assert [one.caption for one in shown] == [f"caption {number}" for number in range(5, 17)]
    picture = cv2.imdecode(np.frombuffer(preview(shown), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (2 * 160 + 6, 6 * 160 + 5 * 6, 3)
    assert abs(int(picture[80, 80, 0]) - 50) < 4


def test_without_a_picture_there_is_none():
    assert previewed([sample(1, "too_few_words")]) == []
    assert preview([]) is None


def test_the_card_names_what_the_picture_shows():
    recipe = recipe_from({"name": "mine"}, source="test")
    data = ReportData(recipe, Funnel(()), samples=[sample(7, caption="a [cat](x)", language="en")])
    text = render_card(data, samples_per_shard=10, shards=1, bytes_total=5)
    assert "![Images of 1 kept pairs](report/preview.webp)" in text
    assert "1. a \\[cat\\](x) (`en`)" in text
