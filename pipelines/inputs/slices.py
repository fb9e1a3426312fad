"""The input as workers get it: its files, where the pair is in their rows, and the slices that are read one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from babelsift.schemas import EXTRA_VALUES, TEXT_INDEX, TEXT_LANGUAGE, TEXT_SOURCE, public_url

# Names of the pair's columns where the user names none, the first that a file has. Case, blanks and marks do not count.
URL_COLUMNS = ("URL", "url", "image_url", "img_url", "Image URL")
CAPTION_COLUMNS = ("TEXT", "text", "caption", "CAPTION", "alt", "alt_text", "Caption")

# Of each text of a row, the indices of its columns in their fall-back order.
TextColumns = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class InputFile:
    """A file of the input.

    Attributes:
        path: as fsspec opens it. It may hold credentials, so it is never written or shown.
        source: its path within the input, without credentials: `source_file` of its rows. The same wherever it lies.
        format: parquet, csv, tsv, jsonl or json.
        compression: of the file as a whole: gzip, zstd, zip or None.
    """

    path: str
    source: str
    format: str = ""
    compression: str | None = None

    @property
    def shown(self) -> str:
        """The path as messages show it."""
        return public_url(self.path)


@dataclass(frozen=True)
class FileLayout:
    """Where a file's rows hold the pair and what is carried beside it.

    Attributes:
        url: index of the URL's column.
        captions: of each text of a row, the indices of its columns in their fall-back order.
        carried: indices of the plan's carried fields, in their order; None: the file has no such column.
        keys: JSON only: the columns' keys in its objects.
        width: text tables only: how many fields a row has.
        has_header: text tables only: whether the first row holds the columns' names.
        delimiter: text tables only.
        language: index of the column that says the texts' language, if one does.
        license: index of the column that says the images' licences, if one does; it is carried, too.
        text_sources: name of each text column by its index, as `text_source` has it.
        image: parquet only: index of the column that holds the images themselves; None: there is none.
        holds_images: whether the rows bring their images, so that nothing is downloaded.
        is_of_documents: whether a row is an image of an interleaved document.
        each_text: webdataset only: whether a sample whose json lists its texts is a row a text.
    """

    url: int
    captions: TextColumns
    carried: tuple[int | None, ...] = ()
    keys: tuple[str, ...] = ()
    width: int = 0
    has_header: bool = True
    delimiter: str = ","
    language: int | None = None
    license: int | None = None
    text_sources: Mapping[int, str] = field(default_factory=dict)
    image: int | None = None
    holds_images: bool = False
    is_of_documents: bool = False
    each_text: bool = False

    @property
    def pair(self) -> frozenset[int]:
        """The indices of all columns that pairs are made of, which are not carried."""
        others = tuple(index for index in (self.language, self.image) if index is not None)
        return frozenset((self.url, *others, *itertools.chain.from_iterable(self.captions)))


@dataclass(frozen=True)
class InputSlice:
    """A part of an input file that one worker reads: some row groups of a parquet file, or the whole of a text file.

    Attributes:
        file: the file.
        layout: where its rows hold the pair.
        row_groups: parquet only.
        first_row: row number, in the file, of the slice's first row.
        rows: parquet only.
    """

    file: InputFile
    layout: FileLayout
    row_groups: tuple[int, ...] = ()
    first_row: int = 0
    rows: int | None = None


@dataclass(frozen=True)
class InputPlan:
    """Everything that workers need to know of the input.

    Attributes:
        slices: in the order of the files.
        url_column: its name in the first file, for people.
        caption_column: its name in the first file, for people; of several, their names joined as --columns takes them.
        carried: the input's other columns under the names they are carried by, the same for every file; `license`
            among them where a file says licences.
        sources: carried name -> name in the input.
        estimated_rows: exact for parquet, a guess for text.
        has_several_texts: whether a row may have several texts, each with its `text_source`.
        has_text_languages: whether a column says the texts' language, which is carried as `text_language`.
        hears_page_opt_outs: whether images of crawled pages that opt out are left out.
    """

    slices: tuple[InputSlice, ...]
    url_column: str
    caption_column: str
    carried: pa.Schema
    sources: dict[str, str] = field(default_factory=dict)
    estimated_rows: int = 0
    has_several_texts: bool = False
    has_text_languages: bool = False
    hears_page_opt_outs: bool = True

    @property
    def text_schema(self) -> pa.Schema:
        """What is carried of the texts themselves, before the columns of `carried`."""
        source, language = ([TEXT_SOURCE, TEXT_INDEX], [TEXT_LANGUAGE])
        return pa.schema((source if self.has_several_texts else []) + (language if self.has_text_languages else []))

    @property
    def holds_images(self) -> bool:
        """Whether the rows bring their images, so that nothing is downloaded."""
        return any(part.layout.holds_images for part in self.slices)

    @property
    def files(self) -> tuple[InputFile, ...]:
        """The files, in their order."""
        return tuple(dict.fromkeys(part.file for part in self.slices))

    def keeping(self, names: Iterable[str]) -> InputPlan:
        """Returns the plan with only these of the carried columns."""
        kept = set(names)
        indices = [index for index, name in enumerate(self.carried.names) if name in kept]
        slices = [
            replace(part, layout=replace(part.layout, carried=tuple(part.layout.carried[index] for index in indices)))
            for part in self.slices
        ]
        carried = pa.schema([self.carried.field(index) for index in indices])
        sources = {name: source for name, source in self.sources.items() if name in kept}
        return replace(self, slices=tuple(slices), carried=carried, sources=sources)

    @property
    def keeps_extra_values(self) -> bool:
        """Whether a JSON file is too long to be looked through before the run, so that columns may miss values."""
        return EXTRA_VALUES.name in self.carried.names
