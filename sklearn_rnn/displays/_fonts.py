"""Fonts for words in all scripts: which are installed, and which are missing.

This module imports matplotlib, and is imported only when something is drawn.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from unicodedata import category, east_asian_width

import matplotlib as mpl
from fontTools import unicodedata  # type: ignore[import-untyped]  # comes with matplotlib
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

__all__ = ["font_families"]

_OWN = "DejaVu Sans"
_LAST_RESORT = "Last Resort High-Efficiency"
"""Both come with matplotlib: letters of Europe and the Near East, and a box for everything."""

_PREFERRED = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans GB",
)
"""Of several fonts with the same letters, these are preferred."""

_UNFIT = ("Color Emoji", "Last Resort", "LastResort", "Adobe Blank", "Adobe NotDef", "NonUnicode")
"""Colours, which matplotlib draws as nothing; only boxes; codes that mean something else."""

_NAMES = {
    "Bopomofo": "Chinese",
    "Common": "emoji or symbols",
    "Han": "Chinese",
    "Hangul": "Korean",
    "Hiragana": "Japanese",
    "Inherited": "combining marks",
    "Katakana": "Japanese",
    "Unknown": "private or unassigned",
}
"""What readers call scripts that have other names in Unicode."""

_TO_INSTALL = {
    "Chinese": "Noto Sans CJK",
    "Cyrillic": "Noto Sans",
    "Greek": "Noto Sans",
    "Japanese": "Noto Sans CJK",
    "Korean": "Noto Sans CJK",
    "Latin": "Noto Sans",
    "Tibetan": "Noto Serif Tibetan",
    "combining marks": "Noto Sans",
    "emoji or symbols": "Noto Emoji",
    "private or unassigned": "a font of your own",
    "rare Chinese": "Noto Sans CJK or BabelStone Han",
}
"""The fonts for a script, if not called "Noto Sans" and the script's name."""


def font_families(who: str, texts: Iterable[str]) -> list[str]:
    """Return the installed families that have the letters of texts, matplotlib's settings first.

    A letter that none of them has is drawn as a box, by the font of boxes at the end of the list:
    without that, matplotlib would warn of each such letter whenever it measures, draws or saves.

    Parameters
    ----------
    who : str
        Name of the display, for the warning.
    texts : iterable of str
        Everything that is drawn.

    Returns
    -------
    list of str
        Names of families.

    Warns
    -----
    UserWarning
        Once, if no font has letters of some scripts.
    """
    families = [*mpl.rcParams["font.family"], _OWN]
    missing = {letter for letter in "".join(texts) if _is_printed(letter)}
    for family in families:
        missing = _lacking(_file(family), missing)
    for family, path in _others():
        lacking = _lacking(path, missing)
        if lacking < missing:
            families.append(family)
            missing = lacking
        if not missing:
            break
    if missing:
        _warn(who, missing)
    return families + _boxes()


def _is_printed(letter: str) -> bool:
    """Return whether a letter needs a glyph: spaces, controls, joiners and selectors do not."""
    if category(letter) in ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp"):
        return False
    return not ("\ufe00" <= letter <= "\ufe0f" or "\U000e0100" <= letter <= "\U000e01ef")


def _file(family: str) -> str | None:
    """Return the file of a family, if matplotlib finds one."""
    properties = font_manager.FontProperties(family=[family])
    try:
        return str(font_manager.fontManager.findfont(properties, fallback_to_default=False))
    except ValueError:
        return None


def _others() -> Iterator[tuple[str, str]]:
    """Yield all installed families with a file of each, the preferred ones first.

    `findfont` would compare each family with all fonts, which takes minutes where there are many.
    """
    files = {entry.name: entry.fname for entry in reversed(font_manager.fontManager.ttflist)}
    for name in sorted(files, key=_rank):
        if not any(word in name for word in _UNFIT):
            yield name, files[name]


def _rank(family: str) -> tuple[int, bool, str]:
    place = _PREFERRED.index(family) if family in _PREFERRED else len(_PREFERRED)
    return place, not family.startswith("Noto Sans"), family


def _lacking(path: str | None, letters: set[str]) -> set[str]:
    """Return the letters that a font file lacks: all of them if it is gone."""
    if not letters or path is None or not Path(path).is_file():
        return letters
    font = FT2Font(path)
    return {letter for letter in letters if not font.get_char_index(ord(letter))}


def _warn(who: str, missing: set[str]) -> None:
    # Punctuation belongs to several scripts: only letters tell which one.
    letters = {letter for letter in missing if not category(letter).startswith("P")} or missing
    scripts = sorted({_script(letter) for letter in letters})
    fonts = sorted({_TO_INSTALL.get(script, f"Noto Sans {script}") for script in scripts})
    warnings.warn(
        f"{who}: no installed font has these letters, which are drawn as boxes: "
        f"{', '.join(scripts)}. Install {', '.join(fonts)}, and delete fontlist*.json in "
        f"{mpl.get_cachedir()}.",
        stacklevel=5,
    )


def _script(letter: str) -> str:
    """Return the name of a letter's script."""
    if category(letter) != "Cn" and east_asian_width(letter) == "F":
        return "Chinese"  # Latin letters and signs in full width, for Chinese
    name = unicodedata.script_name(unicodedata.script(letter))
    if name == "Han" and letter >= "\U00020000":
        return "rare Chinese"
    return _NAMES.get(name, name)


def _boxes() -> list[str]:
    """Return matplotlib's font of boxes, which it has since 3.11."""
    path = Path(mpl.get_data_path(), "fonts", "ttf", "LastResortHE-Regular.ttf")
    if not path.is_file():
        return []
    if all(entry.name != _LAST_RESORT for entry in font_manager.fontManager.ttflist):
        font_manager.fontManager.addfont(path)  # a program may have shortened the list
    return [_LAST_RESORT]
