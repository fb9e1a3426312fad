"""The versions of the software that shapes what a run writes."""

from __future__ import annotations

import platform
import re
from importlib import metadata


def software_versions() -> str:
    """Returns the versions that shape a run's bytes, in one line."""
    names = ("babelsift", "apache-beam", "pyarrow", "numpy", "opencv-python-headless", "open_clip_torch", "torch")
    known = []
    for name in names:
        try:
            known.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join([f"Python {platform.python_version()}", *known])


def required_versions() -> dict[str, str]:
    """Returns {package: version} of all that babelsift requires, extras too, and that is installed here."""
    known = {}
    for requirement in metadata.requires("babelsift") or ():
        if (name := re.match(r"[\w.-]+", requirement)) is None:
            continue
        try:
            known[name[0]] = metadata.version(name[0])
        except metadata.PackageNotFoundError:
            continue
    return known


def img2dataset_version() -> str:
    """Returns the version of img2dataset that is installed here, or that there is none."""
    try:
        return metadata.version("img2dataset")
    except metadata.PackageNotFoundError:
        return "of another machine"
