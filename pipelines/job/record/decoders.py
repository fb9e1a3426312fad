"""Which versions of the image libraries decoded the images of a run folder, and whether they were always the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata

from babelsift.pipelines.run_folder.manifest import Manifest

# Each library by the distributions that bring it.
_DISTRIBUTIONS = {
    "OpenCV": ("opencv-python-headless", "opencv-contrib-python-headless", "opencv-python", "opencv-contrib-python"),
    "Pillow": ("pillow",),
}


def installed_decoders() -> dict[str, str]:
    """Returns {library: its version} of what decodes images here."""
    found = {}
    for library, distributions in _DISTRIBUTIONS.items():
        for distribution in distributions:
            try:
                found[library] = metadata.version(distribution)
                break
            except metadata.PackageNotFoundError:
                continue
    return found


def decoders_in_facts(versions: str) -> dict[str, list[str]]:
    """Returns {library: [version]} of what a manifest's line of versions names, as folders of 0.1.0 have it."""
    named = re.findall(r"opencv-python-headless ([^,\s]+)", versions)
    return {"OpenCV": named} if named else {}


def with_decoders(known: Mapping[str, Sequence[str]], now: Mapping[str, str]) -> dict[str, list[str]]:
    """Returns {library: all versions that decoded images of a folder}, this run's last.

    Args:
        known: those of earlier runs.
        now: those of this run.
    """
    names = list(dict.fromkeys([*known, *now]))
    return {
        name: [*(version for version in known.get(name, ()) if version != now.get(name)), *_listed(now.get(name))]
        for name in names
    }


def _listed(version: str | None) -> list[str]:
    return [] if version is None else [version]


def decoder_warning(decoders: Mapping[str, Sequence[str]]) -> str | None:
    """Returns what there is to say where a folder's images were decoded by several versions; None where by one."""
    several = [f"{name} {' and '.join(versions)}" for name, versions in decoders.items() if len(versions) > 1]
    if not several:
        return None
    return f"images in this folder were decoded by {', '.join(several)}; equal files may differ in a few pixels"


def with_own_decoders(manifest: Manifest) -> Manifest:
    """Returns a run folder's manifest with the decoders of this run."""
    known = manifest.decoders or decoders_in_facts(str(manifest.facts.get("versions", "")))
    return replace(manifest, decoders=with_decoders(known, installed_decoders()))
