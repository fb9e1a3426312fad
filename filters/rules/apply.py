"""The rules that a recipe can switch on, in the order in which a pair meets them, and their decisions.

A new rule is a filter with its measure, a line in a table below, and its setting and reason in `schemas`. Rules run
in the tables' order; a pair that breaks several is rejected by the first of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters import text, urls
from babelsift.filters.rules.lists import frequent_tokens, hosts_of, needed_parts, urls_of, words_of
from babelsift.schemas import Decision, RejectReason
from babelsift.schemas.recipe import CaptionRules, PartsOfSpeech, UrlRules, Vocabulary
from babelsift.schemas.recipe.groups.settings import Settings


@dataclass(frozen=True)
class Rule:
    """A rule on a column.

    Attributes:
        setting: its field in the recipe's group; None: the rule is always on.
        reason: of the rows that break it.
        keeps: the filter.
        threshold: the filter's keyword for the setting's value; None: the rule is only on or off.
        measure: returns the values that the ledger shows, given the column and the loaded keywords.
        load: returns the filter's keywords for settings that name lists, files or models, loaded once a process.
        finds: whether the filter keeps just the rows in which the measure finds nothing: one pass serves both.
    """

    setting: str | None
    reason: RejectReason
    keeps: Callable[..., pa.BooleanArray]
    threshold: str | None
    measure: Callable[..., pa.Array] | None = None
    load: Callable[[Any], dict[str, Any]] | None = None
    finds: bool = False

    def threshold_in(self, settings: Settings) -> Any:
        """Returns the setting's value; None where the rule is off. 0 is a threshold like any other."""
        if self.setting is None:
            return True
        value = getattr(settings, self.setting)
        return None if value is None or value is False or value == () else value

    def keywords_for(self, threshold: Any) -> dict[str, Any]:
        """Returns the filter's keywords for a setting's value.

        Raises:
            RecipeError: a list, file or model that it names cannot be loaded.
        """
        if self.load is not None:
            return self.load(threshold)
        return {self.threshold: threshold} if self.threshold else {}


_R = RejectReason


def _personal(setting: str, reason: RejectReason, kind: str) -> Rule:
    keeps, finds = partial(text.is_free_of_personal_data, kind=kind), partial(text.find_personal_data, kind=kind)
    return Rule(setting, reason, keeps, None, finds, finds=True)


CAPTION_RULES: tuple[Rule, ...] = (
    Rule("min_characters", _R.TOO_FEW_CHARACTERS, text.has_min_characters, "minimum", text.count_characters),
    Rule("max_characters", _R.TOO_MANY_CHARACTERS, text.has_max_characters, "maximum", text.count_characters),
    Rule("min_words", _R.TOO_FEW_WORDS, text.has_min_words, "minimum", text.count_words),
    Rule("max_words", _R.TOO_MANY_WORDS, text.has_max_words, "maximum", text.count_words),
    Rule("min_spaced_words", _R.TOO_FEW_SPACED_WORDS, text.has_min_spaced_words, "minimum", text.count_spaced_words),
    Rule(
        "min_fasttext_tokens",
        _R.TOO_FEW_FASTTEXT_TOKENS,
        text.has_min_fasttext_tokens,
        "minimum",
        text.count_fasttext_tokens,
    ),
    Rule("min_letter_ratio", _R.LETTER_RATIO_TOO_LOW, text.has_min_letter_ratio, "minimum", text.letter_ratio),
    Rule("max_digit_ratio", _R.DIGIT_RATIO_TOO_HIGH, text.has_max_digit_ratio, "maximum", text.digit_ratio),
    Rule(
        "max_punctuation_ratio",
        _R.PUNCTUATION_RATIO_TOO_HIGH,
        text.has_max_punctuation_ratio,
        "maximum",
        text.punctuation_ratio,
    ),
    Rule(
        "max_uppercase_ratio",
        _R.UPPERCASE_RATIO_TOO_HIGH,
        text.has_max_uppercase_ratio,
        "maximum",
        text.uppercase_ratio,
    ),
    Rule(
        "max_token_repetition_ratio",
        _R.REPEATED_TOKENS,
        text.has_max_token_repetition_ratio,
        "maximum",
        text.token_repetition_ratio,
    ),
    Rule("reject_boilerplate", _R.BOILERPLATE_CAPTION, text.is_not_boilerplate, None, text.normalise_caption),
    Rule("reject_filenames", _R.FILENAME_CAPTION, text.is_not_filename, None, text.find_filename, finds=True),
    Rule("reject_urls", _R.URL_CAPTION, text.is_not_url, None, text.url_ratio),
    Rule("reject_markup", _R.MARKUP_CAPTION, text.is_free_of_markup, None, text.find_markup, finds=True),
    Rule(
        "reject_control_characters",
        _R.CONTROL_CHARACTERS,
        text.is_free_of_control_characters,
        None,
        text.count_control_characters,
    ),
    Rule("reject_mojibake", _R.MOJIBAKE, text.is_free_of_mojibake, None),
    _personal("reject_emails", _R.CONTAINS_EMAIL, "emails"),
    _personal("reject_phone_numbers", _R.CONTAINS_PHONE_NUMBER, "phone_numbers"),
    _personal("reject_ip_addresses", _R.CONTAINS_IP_ADDRESS, "ip_addresses"),
    _personal("reject_payment_cards", _R.CONTAINS_PAYMENT_CARD, "payment_cards"),
    _personal("reject_ibans", _R.CONTAINS_IBAN, "ibans"),
    _personal("reject_national_numbers", _R.CONTAINS_NATIONAL_NUMBER, "national_numbers"),
    Rule(
        "flagged_words",
        _R.FLAGGED_WORD,
        text.is_free_of_flagged_words,
        "words",
        lambda captions, words: words.find(captions),
        words_of,
        finds=True,
    ),
    Rule("vocabulary", _R.RARE_TOKEN, text.has_frequent_tokens_only, "vocabulary", load=frequent_tokens),
    # Last: a tagger takes longer than all the others.
    Rule("parts_of_speech", _R.MISSING_PART_OF_SPEECH, text.has_parts_of_speech, "needs", load=needed_parts),
)


def _listed(
    setting: str,
    reason: RejectReason,
    keeps: Callable[..., pa.BooleanArray],
    measure: Callable[[pa.Array], pa.Array] | None,
    load: Callable[..., Any] = hosts_of,
) -> Rule:
    keyword = "blocked_hosts" if setting == "opted_out_domains" else setting
    hosts = measure and (lambda column, **_: measure(column))
    return Rule(setting, reason, keeps, keyword, hosts, lambda value: {keyword: load(value, setting)})


# Length comes first, so that no monstrous URL reaches a parser.
URL_RULES: tuple[Rule, ...] = (
    Rule("max_characters", _R.URL_TOO_LONG, urls.has_max_url_characters, "maximum", urls.count_url_characters),
    Rule("schemes", _R.URL_SCHEME, urls.has_allowed_scheme, "schemes", urls.url_schemes),
    Rule(None, _R.URL_WITHOUT_HOST, urls.has_host, None),
    _listed("blocked_hosts", _R.BLOCKED_HOST, urls.is_not_on_blocked_host, urls.url_hosts),
    _listed("allowed_hosts", _R.HOST_NOT_ALLOWED, urls.is_on_allowed_host, urls.url_hosts),
    _listed("blocked_suffixes", _R.BLOCKED_SUFFIX, urls.is_not_on_blocked_suffix, urls.url_suffixes),
    _listed("allowed_suffixes", _R.SUFFIX_NOT_ALLOWED, urls.is_on_allowed_suffix, urls.url_suffixes),
    Rule("reject_non_photos", _R.URL_OF_NO_PHOTO, urls.is_not_non_photo, None, urls.find_non_photo, finds=True),
    _listed("opted_out_urls", _R.URL_OPTED_OUT, urls.is_not_opted_out, None, urls_of),
    _listed("opted_out_domains", _R.DOMAIN_OPTED_OUT, urls.is_not_on_blocked_host, urls.url_hosts),
)


def reject_by_captions(captions: pa.Array, rules: CaptionRules, decision: Decision) -> None:
    """Rejects the rows whose caption breaks a rule that is on; rules run in the order of CAPTION_RULES.

    Args:
        captions: string[n], nullable; a null breaks every rule.
        rules: thresholds; null switches a rule off.
        decision: of the same n rows; changed.

    >>> decision = Decision.keep_all(2)
    >>> reject_by_captions(pa.array(["a dog", "dog"]), CaptionRules(min_words=2), decision)
    >>> decision.reasons[1].value, decision.values[1], decision.thresholds[1]
    ('too_few_words', '1', '2')
    """
    _apply(CAPTION_RULES, captions, rules, decision)


def reject_by_urls(urls: pa.Array, rules: UrlRules, decision: Decision) -> None:
    """Rejects the rows whose URL breaks a rule that is on, or that names no host to fetch from.

    Args:
        urls: string[n], nullable; a null breaks every rule.
        rules: thresholds; null switches a rule off.
        decision: of the same n rows; changed.

    >>> decision = Decision.keep_all(2)
    >>> reject_by_urls(pa.array(["http://example.com/a.jpg", "ftp://example.com/a.jpg"]), UrlRules(), decision)
    >>> decision.kept.tolist(), decision.reasons[1].value
    ([True, False], 'url_scheme')
    """
    _apply(URL_RULES, urls, rules, decision)


def _apply(rules: tuple[Rule, ...], column: pa.Array, settings: Settings, decision: Decision) -> None:
    for rule in rules:
        threshold = rule.threshold_in(settings)
        if threshold is None:
            continue
        keywords = rule.keywords_for(threshold)
        loaded = keywords if rule.load else {}
        values: pa.Array | np.ndarray | None = None
        if rule.finds and rule.measure is not None:
            matches = rule.measure(column, **loaded)
            rejected = pc.or_(matches.is_valid(), column.is_null()).to_numpy(zero_copy_only=False) & decision.kept
            values = matches
        else:
            rejected = ~rule.keeps(column, **keywords).to_numpy(zero_copy_only=False) & decision.kept
            if rejected.any():
                values = _measure_rejected(rule, column, rejected, loaded)
        if rejected.any():
            shown = None if rule.threshold is None else _threshold_as_text(threshold)
            decision.reject(rejected, rule.reason, values=values, threshold=shown)


def _measure_rejected(rule: Rule, column: pa.Array, rejected: np.ndarray, loaded: dict[str, Any]) -> np.ndarray | None:
    """Returns object[n], the rule's measure where a row is rejected: measuring those alone is the cheaper way."""
    if rule.measure is None:
        return None
    values = np.full(len(column), None, dtype=object)
    measured = rule.measure(column.filter(pa.array(rejected)), **loaded).to_pylist()
    values[rejected] = np.array([*measured, None], dtype=object)[:-1]
    return values


def _threshold_as_text(threshold: Any) -> Any:
    """Returns a setting's value as the ledger shows it; a list of a million hosts is named by its file."""
    if isinstance(threshold, Vocabulary):
        return threshold.file
    if isinstance(threshold, PartsOfSpeech):
        return " ".join(threshold.needs)
    return " ".join(threshold) if isinstance(threshold, tuple) else threshold
