"""A few of the images that `python -m benchmarks.fuzz_images` makes by the hundred thousand, and its own alarm."""

from __future__ import annotations

from babelsift.filters.image import ProcessedImage, process_image, read_header
from babelsift.schemas.recipe import DownloadSettings
from benchmarks import fuzz_images
from benchmarks.workloads.mutations import mutated, seed_images


def test_seeds_are_whole_and_of_every_format():
    seeds = seed_images()
    assert all(isinstance(process_image(body, DownloadSettings()), ProcessedImage) for body in seeds)
    assert {read_header(body).format for body in seeds} == {"jpg", "png", "webp", "gif", "bmp", "avif"}


def test_images_are_made_again_by_their_number():
    seeds = seed_images()
    assert [mutated(seeds, number, 1) for number in range(20)] == [mutated(seeds, number, 1) for number in range(20)]
    assert mutated(seeds, 3, 1) != mutated(seeds, 3, 2)


def test_no_mutated_image_is_more_than_a_reason():
    findings = fuzz_images.fuzz(0, 400, seed=7, processes=1)
    assert findings.images == 400
    assert (findings.crashes, findings.hangs, findings.surprises) == ([], [], [])
    assert findings.outcomes["image"] > 50
    assert findings.outcomes["image_undecodable"] > 100
