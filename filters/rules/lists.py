"""What rules need beside a threshold, loaded from a recipe's lists and files once a process."""

from __future__ import annotations

from typing import Any

from babelsift.filters.strings.entry_lists import loaded_once, read_entries
from babelsift.filters.text import FlaggedWords, NgramVocabulary, load_tagger, shipped_flagged_words
from babelsift.filters.urls import is_public_suffix, parse_hosts, parse_urls
from babelsift.schemas import RecipeError
from babelsift.schemas.recipe import PartsOfSpeech, Vocabulary
from babelsift.schemas.recipe.groups.settings import EntryList, FlaggedWordList


@loaded_once
def hosts_of(source: EntryList, setting: str) -> frozenset[str]:
    """Returns the host names of a list.

    Raises:
        RecipeError: unreadable, or an entry that is no host name, or of allowed suffixes none.
    """
    try:
        hosts = parse_hosts(list(read_entries(source, setting=f"urls.{setting}")))
    except ValueError as error:
        raise RecipeError(f"urls.{setting}: {error}") from error
    unknown = [name for name in sorted(hosts) if not is_public_suffix(name)] if setting == "allowed_suffixes" else []
    if unknown:
        raise RecipeError(
            f"urls.{setting}: {unknown[0]!r} is no public suffix, so that no URL has it; write suffixes such as com or "
            "co.uk, and hosts into urls.allowed_hosts"
        )
    return hosts


@loaded_once
def urls_of(source: EntryList, setting: str) -> frozenset[str]:
    """Returns the URLs of a list as they are compared.

    Raises:
        RecipeError: unreadable.
    """
    return parse_urls(list(read_entries(source, setting=f"urls.{setting}")))


@loaded_once
def words_of(source: FlaggedWordList) -> dict[str, Any]:
    """Returns the words of a list, ready to be looked for.

    Raises:
        RecipeError: unreadable, or no word in it.
    """
    own = read_entries(source, setting="captions.flagged_words")
    words = FlaggedWords([*own, *shipped_flagged_words(source.shipped)])
    if not words.words:
        raise RecipeError("captions.flagged_words: the list has no word; take the setting out, or name another file")
    return {"words": words}


@loaded_once
def frequent_tokens(source: Vocabulary) -> dict[str, Any]:
    """Returns the vocabulary in a file, and whether bigrams count.

    Raises:
        RecipeError: unreadable or empty.
    """
    return {"vocabulary": NgramVocabulary.read(source.file), "bigrams": source.bigrams}


@loaded_once
def needed_parts(settings: PartsOfSpeech) -> dict[str, Any]:
    """Returns the parts of speech needed and the tagger.

    Raises:
        RecipeError: the tagger is not installed.
    """
    return {"needs": settings.needs, "tagger": load_tagger(settings.tagger)}
