"""Reads translated messages from Debian packages: gettext catalogues, Firefox's language packs, CLDR's annotations."""

from __future__ import annotations

import io
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

# (package, locale, text)
Message = tuple[str, str, str]

_AR_MAGIC, _AR_HEADER = b"!<arch>\n", 60
_MO_MAGIC = 0x950412DE
_MO_PATH = re.compile(r"(?:^|/)([a-z]{2,3}(?:_[A-Z]{2})?(?:@[a-z]+)?)/LC_MESSAGES/[^/]+\.mo$")
_CLDR_PATH = re.compile(r"/common/annotations/([a-z]{2,3}(?:_[A-Z][a-z]{3})?)\.xml$")
_PACK_PATH = re.compile(r"langpack-([a-zA-Z-]+)@")
_FLUENT = re.compile(r"^(?:[a-zA-Z-][\w-]*|\s+\.[\w-]+)\s*=\s*(.+)$|^\s{4,}([^.\[*}\s].*)$")
_PROPERTY = re.compile(r"^[\w.%-]+\s*=\s*(.+)$")
_INHERITED = "↑↑↑"


def read_package(path: Path) -> Iterator[Message]:
    """Yields the messages of a .deb.

    Args:
        path: the package; its name up to the first underscore is the source of its messages.
    """
    package = path.name.split("_")[0]
    with path.open("rb") as archive, tarfile.open(fileobj=_at_data(archive), mode="r|*") as tar:
        for member in tar:
            if member.isfile():
                for locale, text in _read_member(member.name, partial(_content, tar, member)):
                    yield package, locale, text


def _at_data(archive: BinaryIO) -> BinaryIO:
    """Returns a Debian package's file where its data begin: it is an archive of `ar`, and they are its last member."""
    archive.seek(len(_AR_MAGIC))
    while header := archive.read(_AR_HEADER):
        if header.startswith(b"data.tar"):
            return archive
        size = int(header[48:58])
        archive.seek(size + size % 2, io.SEEK_CUR)
    raise ValueError(f"{archive.name} is no Debian package; download it anew")


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return file.read() if file else b""


def _read_member(name: str, content: Callable[[], bytes]) -> Iterator[tuple[str, str]]:
    if match := _MO_PATH.search(name):
        for original, translation in _read_mo(content()):
            if translation != original:
                yield match[1], translation
            yield "en", original
    elif match := _CLDR_PATH.search(name):
        for text in _read_annotations(content()):
            yield match[1], text
    elif name.endswith(".xpi") and (match := _PACK_PATH.search(name)):
        for text in _read_pack(content()):
            yield match[1], text


def _read_mo(content: bytes) -> Iterator[tuple[str, str]]:
    order = "<" if struct.unpack_from("<I", content)[0] == _MO_MAGIC else ">"
    _, _, count, originals, translations = struct.unpack_from(f"{order}5I", content)
    for index in range(count):
        texts = []
        for table in (originals, translations):
            length, offset = struct.unpack_from(f"{order}2I", content, table + 8 * index)
            texts.append(content[offset : offset + length].decode("utf-8", "replace"))
        original, translation = texts
        # A context comes before \4; forms of the plural are parted by \0.
        if original:
            yield original.rpartition("\4")[2].partition("\0")[0], translation.partition("\0")[0]


def _read_annotations(content: bytes) -> Iterator[str]:
    for annotation in ElementTree.fromstring(content).iter("annotation"):
        for text in (annotation.text or "").split("|"):
            if _INHERITED not in text:
                yield text.strip()


def _read_pack(content: bytes) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as pack:
        for name in pack.namelist():
            pattern = _FLUENT if name.endswith(".ftl") else _PROPERTY if name.endswith(".properties") else None
            if pattern:
                for line in pack.read(name).decode("utf-8", "replace").splitlines():
                    if match := pattern.match(line):
                        yield next(group for group in match.groups() if group)
