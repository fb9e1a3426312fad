"""WAT and WARC files as the input's other files are: columns to choose the pair's from, and blocks of rows.

A file is one slice. Common Crawl's are of one size, and more than there are workers; of a file that is cut into ranges
of bytes the rows would have no numbers.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pyarrow as pa

from babelsift.pipelines.inputs.crawl.archive import buffered
from babelsift.pipelines.inputs.crawl.html import PAGE_COLUMNS
from babelsift.pipelines.inputs.crawl.image_rows import ImageRows, image_schema
from babelsift.pipelines.inputs.crawl.warc import read_warc
from babelsift.pipelines.inputs.crawl.wat import WAT_COLUMNS, read_wat
from babelsift.pipelines.inputs.formats import WAT
from babelsift.pipelines.inputs.slices import InputFile
from babelsift.pipelines.inputs.storage_file import StorageFile
from babelsift.schemas import InputError

# Which texts are read where the user names none: those that a page's author wrote of the image itself.
DEFAULT_CAPTIONS = {"wat": "alt", "warc": "alt+title+figcaption"}
DEFAULT_LICENSE = "page_license"
_PACKAGES = ("fastwarc", "msgspec", "selectolax")
# Measured on pages of Common Crawl's kind; only how the work is cut up hangs on it.
_COMPRESSED_BYTES_A_ROW = {"wat": 330, "warc": 1500}
_GUESSED_COMPRESSION = 4


def crawl_schema(file: InputFile) -> pa.Schema:
    """Returns the columns that a file's rows have.

    Raises:
        InputError: the packages that read it are missing.
    """
    if missing := [name for name in _PACKAGES if importlib.util.find_spec(name) is None]:
        raise InputError(f"{file.shown}: reading it needs {missing[0]}: pip install 'babelsift[crawl]'")
    return image_schema(WAT_COLUMNS if file.format == WAT else PAGE_COLUMNS)


def estimated_rows(file: InputFile, size: int) -> int:
    """Returns about how many images a file of so many bytes has."""
    a_row = _COMPRESSED_BYTES_A_ROW[file.format]
    return max(1, size // (a_row if file.compression else a_row * _GUESSED_COMPRESSION))


def read_images(file: InputFile, *, rows: int, hears_opt_outs: bool) -> Iterator[ImageRows]:
    """Yields the rows of a file, about so many at a time.

    Args:
        file: the file.
        rows: at a time.
        hears_opt_outs: whether images of pages that opt out are left out.
    Raises:
        InputError: the file system does not give the file, also when asked again.
    """
    read = read_wat if file.format == WAT else read_warc
    with StorageFile(file) as source, buffered(source) as content:
        yield from read(content, file.shown, rows=rows, hears_opt_outs=hears_opt_outs)
