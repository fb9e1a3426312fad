"""What a finished run's product is: its size, what it was made by, and the names of all its files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from babelsift.pipelines.run_folder.paths import (
    CARD,
    CONCEPTS_FOLDER,
    CROISSANT,
    DUPLICATES_FILE,
    FUNNEL,
    PARQUET,
    PREVIEW,
    RECIPE,
    REJECTS,
    REPORT_PAGE,
    SELECTION,
    SIZES,
    STATS,
    TAR,
)
from babelsift.pipelines.run_folder.shard_layout import SPLITS, shard_name

# Files that every product has, by names that never change.
SINGLE_FILES = (RECIPE, FUNNEL, SIZES, SELECTION, CARD, CROISSANT, DUPLICATES_FILE, REPORT_PAGE)
EMBEDDING_FILES = ("img_emb/img_emb_{}.npy", "text_emb/text_emb_{}.npy", "metadata/metadata_{}.parquet")
PRODUCT_FOLDERS = (
    *(folder for split in SPLITS.values() for folder in (split.folder, split.embeddings, split.images)),
    REJECTS,
    CONCEPTS_FOLDER,
)
_FILE_NAME = re.compile(r"[^/\0]+")


@dataclass(frozen=True)
class Product:
    """One version of a product; the names of its files follow from it.

    Attributes:
        samples: split -> how many samples it has.
        shards: split -> how many shards it has, numbered from 0.
        models: whose embeddings lie beside the shards.
        ledger_files: how many files the ledger has at most, numbered from 0.
        concepts: names of the files of concept counts.
        recipe: digest of the settings that decide which samples are kept; "": not known.
        has_image_tables: whether its images have tables of their own, which those of older versions lack.
    """

    samples: Mapping[str, int] = field(default_factory=dict)
    shards: Mapping[str, int] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    ledger_files: int = 0
    concepts: tuple[str, ...] = ()
    recipe: str = ""
    has_image_tables: bool = True

    @property
    def total_samples(self) -> int:
        """How many samples it has in all its splits."""
        return sum(self.samples.values())

    def files(self) -> Iterator[str]:
        """Yields the paths, within the run folder, of all files that it may have."""
        yield from SINGLE_FILES
        if self.has_image_tables:  # the same versions make a picture for the card, where anything is kept
            yield PREVIEW
        for name, split in SPLITS.items():
            yield f"{split.folder}/{SIZES}"
            for shard in map(shard_name, range(self.shards.get(name, 0))):
                yield from (f"{split.folder}/{shard}{suffix}" for suffix in (STATS, PARQUET, TAR))
                if self.has_image_tables:
                    yield f"{split.images}/{shard}{PARQUET}"
                for model in self.models:
                    yield from (f"{split.embeddings}/{model}/{file.format(shard)}" for file in EMBEDDING_FILES)
        yield from (f"{REJECTS}/{number:05d}{PARQUET}" for number in range(self.ledger_files))
        yield from (f"{CONCEPTS_FOLDER}/{name}" for name in self.concepts)

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Any) -> Product:
        """Reads what `to_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        if not isinstance(content, dict):
            raise ValueError("a product is no object")
        known = {name: content[name] for name in cls.__dataclass_fields__ if name in content}
        product = cls(**{"has_image_tables": False, **known})
        counts = [*_counts_of(product.samples), *_counts_of(product.shards), product.ledger_files]
        names = [*product.models, *product.concepts]
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ValueError("a product's counts are no whole numbers")
        if not all(isinstance(name, str) and _FILE_NAME.fullmatch(name) and name not in (".", "..") for name in names):
            raise ValueError("a product's names are no names of files")
        if not isinstance(product.recipe, str) or not isinstance(product.has_image_tables, bool):
            raise ValueError("a product's recipe is no digest")
        return cls(**(vars(product) | {"models": tuple(product.models), "concepts": tuple(product.concepts)}))


def _counts_of(counts: Any) -> list[Any]:
    return list(counts.values()) if isinstance(counts, dict) and set(counts) <= set(SPLITS) else [None]


@dataclass(frozen=True)
class Replacement:
    """A product that is being replaced.

    Attributes:
        planned: what the folder is to hold afterwards.
        before: what else there may be files of: the product before, and what killed replacements were to make.
    """

    planned: Product
    before: tuple[Product, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return {"planned": self.planned.to_json(), "before": [product.to_json() for product in self.before]}

    @classmethod
    def from_json(cls, content: Any) -> Replacement:
        """Reads what `to_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        if not isinstance(content, dict) or not isinstance(content.get("before", []), list):
            raise ValueError("a replacement is no object")
        before = tuple(Product.from_json(product) for product in content.get("before", []))
        return cls(Product.from_json(content.get("planned")), before)

    def files(self) -> set[str]:
        """Returns the paths of all files that the folder may hold of it."""
        return {path for product in (self.planned, *self.before) for path in product.files()}
