"""open_clip's byte-pair tokenizer, token for token, several times faster: merges in Rust, a word's tokens remembered.

What decides equality stays open_clip's own: its cleaning (which captions that it would leave as they are skip) and its
pattern that cuts a caption into words. Text towers with a Hugging Face tokenizer have a fast one already.

Imports open_clip; `babelsift.filters.clip.models` imports this module when a model is loaded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from ftfy.badness import is_bad
from open_clip import tokenizer as reference
from open_clip.tokenizer import SimpleTokenizer
from tokenizers import Tokenizer, models, pre_tokenizers

_MAX_CACHED_WORDS = 200_000
_END_OF_WORD = "</w>"
# What ftfy leaves alone where nothing hints at mojibake: printable ASCII but for entities, and letters of scripts that
# have no ligatures, widths or quotes for it to straighten. Everything else takes open_clip's own way through ftfy.
_PLAIN = re.compile(
    "[\\x20-%'-~"  # no &
    "\u00c0-\u0131\u0134-\u0148\u014a-\u01c3\u01cd-\u01f0\u01f4-\u024f"  # Latin, without its digraphs
    "\u0370-\u052f"  # Greek, Cyrillic
    "\u0590-\u074f\u0900-\u0e7f"  # Hebrew, Arabic, Syriac; Indic scripts, Thai
    "\u1ea0-\u1ef9"  # Vietnamese
    "\u3001-\u3002\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]*"  # Japanese, Chinese, Korean
)


def fast_tokenizer(tokenizer: Any) -> Callable[[Sequence[str]], torch.Tensor]:
    """Returns a tokenizer with the same tokens: a faster one for open_clip's own, any other as it is.

    Args:
        tokenizer: what `open_clip.get_tokenizer` gives.
    """
    if type(tokenizer) is SimpleTokenizer and tokenizer.reduction_fn is None:
        return ClipTokenizer(tokenizer)
    return tokenizer


class ClipTokenizer:
    """Tokenizes captions exactly as an `open_clip.SimpleTokenizer` does; safe to share between threads.

    Attributes:
        context_length: tokens of each caption, the start and the end of text among them.
    """

    def __init__(self, tokenizer: SimpleTokenizer) -> None:
        self.context_length: int = tokenizer.context_length
        self._clean = tokenizer.clean_fn
        self._finish = _FINISHING.get(tokenizer.clean_fn)
        self._words = tokenizer.pat.findall
        self._start, self._end = tokenizer.sot_token_id, tokenizer.eot_token_id
        self._special = {token: (tokenizer.encoder[token],) for token in tokenizer.cache if token[0] == "<"}
        self._special = {token: ids for token, ids in self._special.items() if ids[0] in tokenizer.all_special_ids}
        self._known = dict(self._special)
        self._merges = _merges_in_rust(tokenizer)

    def __call__(self, captions: Sequence[str]) -> torch.Tensor:
        """Returns int64[captions, context_length], zeros after the end of text; long captions are cut.

        Args:
            captions: texts; lone surrogates are mended as open_clip mends them.
        """
        words = [self._words(self._cleaned(caption)) for caption in captions]
        known = self._with(words)
        tokens = np.zeros((len(words), self.context_length), np.int64)
        room = self.context_length - 2
        for row, some in enumerate(words):
            ids = [self._start]
            for word in some:
                ids.extend(known[word])
                if len(ids) > room:
                    break
            ids = [*ids[: room + 1], self._end]
            tokens[row, : len(ids)] = ids
        return torch.from_numpy(tokens)

    def _cleaned(self, caption: str) -> str:
        if self._finish and _PLAIN.fullmatch(caption) and (caption.isascii() or _needs_no_repair(caption)):
            return self._finish(caption)
        return self._clean(caption)

    def _with(self, words: list[list[str]]) -> dict[str, tuple[int, ...]]:
        """Returns the words' tokens, and remembers them; on the web there is no end of words, so not for ever."""
        known = self._known
        new = list({word for some in words for word in some if word not in known})
        if new:
            found = self._merges.encode_batch_fast(new, add_special_tokens=False)
            fresh = {word: tuple(one.ids) for word, one in zip(new, found, strict=True)}
            if len(known) + len(fresh) > _MAX_CACHED_WORDS:
                needed = {word: known[word] for some in words for word in some if word in known}
                known = {**self._special, **needed}
            known.update(fresh)
            self._known = known
        return known


def _needs_no_repair(caption: str) -> bool:
    return unicodedata.is_normalized("NFC", caption) and not is_bad(caption)


# What open_clip's ways of cleaning do after ftfy and the entities.
_FINISHING: dict[Callable[[str], str], Callable[[str], str]] = {
    reference.get_clean_fn("lower"): lambda text: " ".join(text.split()).lower(),
    reference.get_clean_fn("whitespace"): lambda text: " ".join(text.split()),
    reference.get_clean_fn("canonicalize"): reference.canonicalize_text,
}


def _merges_in_rust(tokenizer: SimpleTokenizer) -> Tokenizer:
    """Returns a tokenizer of single words: their bytes, merged by the vocabulary's ranks."""
    merges = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.__getitem__)
    # No cache of its own: this one is bounded.
    rust = Tokenizer(models.BPE(tokenizer.encoder, merges, cache_capacity=0, end_of_word_suffix=_END_OF_WORD))
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return rust
