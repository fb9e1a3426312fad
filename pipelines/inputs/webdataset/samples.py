"""The samples of a tar: members that stand together and have one key, the name up to the first dot of its last part."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from typing_extensions import Self

IMAGE_TYPES = frozenset(("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "ppm", "jxl", "heic"))
TEXT_TYPES = frozenset(("txt", "text", "caption", "cap", "cls", "url", "lang", "title", "alt"))
_JSON = "json"
_MAX_TEXT_BYTES = 1 << 22
_BLOCK = 1 << 16
# What the names of members begin with that programs leave beside a dataset's samples.
_LEFT_BESIDE = "__"
_REPEATED = "key {!r} is there before: its members are not adjacent, or two samples have it"


class BrokenTarError(ValueError):
    """A tar breaks off, or is none, so that its remaining samples cannot be told apart."""


@dataclass
class Sample:
    """A sample of a tar.

    Attributes:
        key: its name within the tar.
        texts: members that hold text, by what follows the key in their names.
        document: the content of its json member; None: it has none.
        image: the content of its image; None: it was not read, or there is none.
        image_bytes: of the image; None: the sample has none.
        problem: why it is no sample: another had the key before, or a member is there twice; "" where it is one.
    """

    key: str
    texts: dict[str, bytes] = field(default_factory=dict)
    document: bytes | None = None
    image: bytes | None = None
    image_bytes: int | None = None
    problem: str = ""
    _image_suffix: str = ""
    _suffixes: set[str] = field(default_factory=set)

    def add(self, suffix: str, member: tarfile.TarInfo, tar: tarfile.TarFile, *, max_image_bytes: int) -> None:
        """Adds a member; the last part of its suffix says what it is.

        Args:
            suffix: what follows the key in its name, in lower case.
            member: the member.
            tar: that it is of.
            max_image_bytes: images that are longer are not read; 0: none is.
        """
        if suffix in self._suffixes:
            self.problem = self.problem or f"the member {self.key}.{suffix} is there twice"
            return
        self._suffixes.add(suffix)
        kind = suffix.rpartition(".")[2]
        if kind in IMAGE_TYPES:
            # `jpg` is the sample's image, whatever else there is; of `seg.png` and `mask.png` the first.
            if self.image_bytes is None or ("." in self._image_suffix and suffix == kind):
                self.image_bytes, self._image_suffix = member.size, suffix
                self.image = _content(member, tar) if member.size <= max_image_bytes else None
        elif member.size > _MAX_TEXT_BYTES:
            return
        elif kind == _JSON:
            self.document = _content(member, tar) if self.document is None or suffix == _JSON else self.document
        elif kind in TEXT_TYPES:
            self.texts.setdefault(suffix, _content(member, tar))


def read_samples(content: io.BufferedIOBase, *, compressed: bool = False, max_image_bytes: int = 0) -> Iterator[Sample]:
    """Yields the samples of a tar, in their order.

    Args:
        content: of the tar; seekable where it is not compressed.
        compressed: whether it was, so that it can only be read forwards.
        max_image_bytes: images that are longer are not read; 0: none is, and their bytes are passed over.

    Raises:
        BrokenTarError: the tar breaks off, or is none.
    """
    seen: set[str] = set()
    sample: Sample | None = None
    try:
        mode: Literal["r|", "r:"] = "r|" if compressed else "r:"
        with tarfile.open(fileobj=content, mode=mode, tarinfo=_Member) as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # tarfile would keep them all
                key, suffix = split_name(member.name)
                if not member.isreg() or not suffix or _is_hidden(key):
                    continue
                if sample is None or sample.key != key:
                    if sample is not None:
                        yield sample
                    sample = Sample(key, problem=_REPEATED.format(key) if key in seen else "")
                    seen.add(key)
                sample.add(suffix, member, tar, max_image_bytes=max_image_bytes)
            _check_end(tar)
    except (tarfile.TarError, EOFError, OverflowError) as error:
        if sample is not None:
            yield sample
        raise BrokenTarError(f"breaks off after {len(seen)} samples: {error}") from error
    if sample is not None:
        yield sample


class _Member(tarfile.TarInfo):
    """A member whose broken header is an error wherever it stands; but for the first, tarfile takes it for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                raise  # a block of zeros is the end
            raise tarfile.ReadError(f"no member begins where one should: {error}") from error


def _check_end(tar: tarfile.TarFile) -> None:
    """Raises tarfile.ReadError where more than zeros follows a tar's end, such as a second tar."""
    while chunk := tar.fileobj.read(_BLOCK):
        if chunk.strip(b"\0"):
            raise tarfile.ReadError("something follows its end, such as another tar: give each as a file")


def split_name(name: str) -> tuple[str, str]:
    """Returns (key, suffix in lower case) of a member's name.

    >>> split_name("train/000.17.seg.PNG"), split_name("a.b/c.jpg")
    (('train/000', '17.seg.png'), ('a.b/c', 'jpg'))
    """
    folder, slash, base = name.rpartition("/")
    stem, _, suffix = base.partition(".")
    return folder + slash + stem, suffix.lower()


def _is_hidden(key: str) -> bool:
    """Whether a program left a member beside the samples: its name begins with a dot, as macOS' own, or with `__`."""
    stem = key.rpartition("/")[2]
    return not stem or stem.startswith(_LEFT_BESIDE)


def _content(member: tarfile.TarInfo, tar: tarfile.TarFile) -> bytes:
    file = tar.extractfile(member)
    content = b"" if file is None else file.read()
    if len(content) < member.size:
        raise tarfile.ReadError(f"within {member.name}")
    return content
