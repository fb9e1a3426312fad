"""Decoding untrusted images in processes of their own, which may die or stand still at the cost of one image each.

`pool`: who wants images decoded; from here import `DecoderPool` and the errors that it raises. `host`: the process that
forks decoders. `decoder`: what a decoder does. `messages`: what goes between a decoder and who asks it.
"""

from babelsift.pipelines.decoding.pool import DecoderCrashedError, DecoderPool, DecodeTimeoutError

__all__ = ["DecodeTimeoutError", "DecoderCrashedError", "DecoderPool"]
