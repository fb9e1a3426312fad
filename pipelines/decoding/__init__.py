"""Decoding untrusted images in processes of their own, which may die or stand still at the cost of one image each.

`pool`: who wants images decoded; from here import `DecoderPool` and the errors that it raises. `in_order`: the same for
images that are at hand; from here import `ImageDecoders`, and `OF_THE_MACHINE`, the reasons that say nothing of an
image. `host`: the process that forks decoders. `decoder`: what a decoder does. `messages`: what goes between a decoder
and who asks it.
"""

from babelsift.pipelines.decoding.in_order import OF_THE_MACHINE, ImageDecoders
from babelsift.pipelines.decoding.pool import DecoderCrashedError, DecoderPool, DecodeTimeoutError

__all__ = ["OF_THE_MACHINE", "DecodeTimeoutError", "DecoderCrashedError", "DecoderPool", "ImageDecoders"]
