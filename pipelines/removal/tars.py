"""A tar of samples without some of them: what stays is copied block by block, byte for byte."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import BinaryIO

from babelsift.pipelines.storage.tar_members import TarMembers, end_of_tar
from babelsift.pipelines.storage.whole_file import WholeFile

_BLOCK = tarfile.BLOCKSIZE


def copy_samples(
    source: BinaryIO,
    target: WholeFile,
    keys: Collection[str],
    *,
    changed: Mapping[str, bytes] = MappingProxyType({}),
    members: TarMembers | None = None,
    end: bytes | None = None,
) -> dict[str, int]:
    """Writes the members of samples that stay; returns {name of each: where its content begins}.

    Args:
        source: the tar.
        target: the new one.
        keys: of the samples that go.
        changed: name of a member -> its content now.
        members: makes the changed ones.
        end: what ends the tar; None: as `end_of_tar` says.
    """
    offsets: dict[str, int] = {}
    with tarfile.open(fileobj=source, mode="r:") as tar:
        for member in tar:
            if key_of(member.name) in keys:
                continue
            offsets[member.name] = target.tell() + member.offset_data - member.offset
            if member.name in changed and members is not None:
                offsets[member.name] = target.tell() + _BLOCK
                target.write(b"".join(members.member(member.name, changed[member.name])))
                continue
            source.seek(member.offset)
            target.write(source.read(member.offset_data - member.offset + member.size + -member.size % _BLOCK))
    target.write(end_of_tar(target.tell()) if end is None else end)
    return offsets


def key_of(name: str) -> str:
    """Returns the key of the sample that a member belongs to: its file's name up to the first dot.

    >>> key_of("folder/000000001.json")
    '000000001'
    """
    return posixpath.basename(name).partition(".")[0]


def sample_files(source: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Yields (key, content) of a tar's members that are no text and no JSON: its images."""
    with tarfile.open(fileobj=source, mode="r:") as tar:
        for member in tar:
            if not member.name.endswith((".txt", ".json")) and (file := tar.extractfile(member)) is not None:
                yield key_of(member.name), file.read()
