"""Both towers of a model on a device: tensors in, embeddings out, within the device's memory.

`by_length`: a CPU's way, captions beside others of their length. `fixed`: a GPU's way, in passes of one shape, with
`packed` captions, on its `streams`. `compiling`: torch.compile. `memory`: which errors say that there is none left. All
of it imports torch; `Towers` and `FixedTowers` are imported from here once a model is loaded.
"""

from babelsift.filters.clip.towers.by_length import Towers, shortenable_tower, whole_blocks
from babelsift.filters.clip.towers.fixed import FixedTowers

__all__ = ["FixedTowers", "Towers", "shortenable_tower", "whole_blocks"]
