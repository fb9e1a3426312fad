"""open_clip's byte-pair tokenizer, token for token, several times faster: merges in Rust, a word's tokens remembered.

Cleaning, which captions skip that it would not change, and the pattern that cuts a caption into words are open_clip's
own. Text towers with a Hugging Face tokenizer have a fast tokenizer already.

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

_END_OF_WORD = "</w>"
# Characters that ftfy leaves alone where nothing hints at mojibake: printable ASCII but for entities, and letters of
# scripts that have no ligatures, widths or quotes for it to straighten. All other captions go through ftfy.
_PLAIN = re.compile(
    "[\\x20-%'-~"  # no &
    "\u00c0-\u0131\u0134-\u0148\u014a-\u01c3\u01cd-\u01f0\u01f4-\u024f"  # Latin, without its digraphs
    "\u0370-\u052f"  # Greek, Cyrillic
    "\u0590-\u074f\u0900-\u0e7f"  # Hebrew, Arabic, Syriac; Indic scripts, Thai
    "\u1ea0-\u1ef9"  # Vietnamese
    "\u3001-\u3002\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]*"  # Japanese, Chinese, Korean
)


def fast_tokenizer(tokenizer: Any) -> Callable[[Sequence[str]], torch.Tensor]:
    """Returns a tokenizer with the same tokens: a `ClipTokenizer` for open_clip's own, any other as it is.

    Args:
        tokenizer: as `open_clip.get_tokenizer` returns it.
    """
    if type(tokenizer) is SimpleTokenizer and tokenizer.reduction_fn is None:
        return ClipTokenizer(tokenizer)
    return tokenizer


class ClipTokenizer:
    """Tokenizes captions exactly as an `open_clip.SimpleTokenizer` does; safe to share between threads.

    Attributes:
        context_length: tokens of each caption, the start and the end of text among them.
    """

    def __init__(self, tokenizer: SimpleTokenizer, *, max_cached_words: int = 200_000) -> None:
        """Takes over a tokenizer's vocabulary.

        Args:
            tokenizer: open_clip's.
            max_cached_words: words whose tokens are remembered, at the most.
        """
        self._max_cached_words = max_cached_words
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
        for row, of_caption in enumerate(words):
            ids = [self._start]
            for word in of_caption:
                ids.extend(known[word])
                if len(ids) > room:
                    break
            ids = [*ids[: room + 1], self._end]
            tokens[row, : len(ids)] = ids
        return torch.from_numpy(tokens)

    def _cleaned(self, caption: str) -> str:
        if self._finish and is_left_alone_by_ftfy(caption):
            return self._finish(caption)
        return self._clean(caption)

    @property
    def cached_words(self) -> int:
        """Words whose tokens are remembered."""
        return len(self._known)

    def _with(self, words: list[list[str]]) -> dict[str, tuple[int, ...]]:
        """Returns the words' tokens and remembers them, but not for ever: the web has no end of words."""
        known = self._known
        new = list({word for of_caption in words for word in of_caption if word not in known})
        if new:
            encodings = self._merges.encode_batch_fast(new, add_special_tokens=False)
            fresh = {word: tuple(encoding.ids) for word, encoding in zip(new, encodings, strict=True)}
            if len(known) + len(fresh) > self._max_cached_words:
                needed = {word: known[word] for of_caption in words for word in of_caption if word in known}
                known = {**self._special, **needed}
            known.update(fresh)
            self._known = known
        return known


def is_left_alone_by_ftfy(caption: str) -> bool:
    """Returns whether `ftfy.fix_text` surely returns the caption as it is; False says nothing."""
    if not _PLAIN.fullmatch(caption):
        return False
    return caption.isascii() or (unicodedata.is_normalized("NFC", caption) and not is_bad(caption))


# The steps of open_clip's cleaning after ftfy and the entities.
_FINISHING: dict[Callable[[str], str], Callable[[str], str]] = {
    reference.get_clean_fn("lower"): lambda text: " ".join(text.split()).lower(),
    reference.get_clean_fn("whitespace"): lambda text: " ".join(text.split()),
    reference.get_clean_fn("canonicalize"): reference.canonicalize_text,
}


def _merges_in_rust(tokenizer: SimpleTokenizer) -> Tokenizer:
    """Returns a tokenizer of single words: their bytes, merged by the vocabulary's ranks."""
    merges = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.__getitem__)
    # Without its own cache: `ClipTokenizer` has a bounded one.
    rust = Tokenizer(models.BPE(tokenizer.encoder, merges, cache_capacity=0, end_of_word_suffix=_END_OF_WORD))
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return rust
