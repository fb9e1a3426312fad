"""Lists of known images, by their hashes, that a recipe leaves out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from babelsift.schemas.recipe.groups.settings import Settings

HashAlgorithm = Literal["md5", "sha1", "sha256", "pdq"]
# Beyond it PDQ finds images alike that are not.
MAX_PDQ_DISTANCE = 31


class HashListSettings(Settings):
    """A list of hashes of images that are neither stored nor shown. What is in its files is written nowhere.

    Attributes:
        name: what the ledger says of a match
        files: any fsspec URL: a digest a line, or CSV with a header; plain, `.gz`, `.zst`, `.bz2`, `.xz`
        algorithm: `md5`, `sha1`, `sha256` or `pdq`; null: by the columns' names or the digests' lengths; 64 digits
            alone may be SHA-256 or PDQ
        max_distance: bits of PDQ in which an image may differ from an entry, 0 to 31
        min_quality: of PDQ, 0 to 100: entries and images below it are not compared by it
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    files: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    algorithm: HashAlgorithm | None = None
    max_distance: Annotated[int, Field(ge=0, le=MAX_PDQ_DISTANCE)] = MAX_PDQ_DISTANCE
    min_quality: Annotated[int, Field(ge=0, le=100)] = 50
