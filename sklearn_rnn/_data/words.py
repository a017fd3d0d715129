"""What a word is, in all scripts; and which scripts put no spaces between words.

Words are found by Unicode's rules for word boundaries (UAX #29), with three exceptions: numbers
are split at points and commas, words are split at hyphens of any script, and text in scripts
without spaces is not split.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import chain

__all__ = ["are_unspaced", "combining_marks", "find_words"]

_JOINERS = (
    "'\N{RIGHT SINGLE QUOTATION MARK}\N{FULLWIDTH APOSTROPHE}\N{ARMENIAN APOSTROPHE}"
    "\N{LEFT SINGLE QUOTATION MARK}"  # an apostrophe in Uzbek
    "\N{MIDDLE DOT}"  # Catalan "col·lega"
    "\N{HEBREW PUNCTUATION GERSHAYIM}"
)
"""Signs that join two letters of a word."""

_LIKE_MARKS = (
    "\N{ZERO WIDTH JOINER}\N{HEBREW PUNCTUATION GERESH}"
    # Armenian writes these above a vowel, in the middle of a word.
    "\N{ARMENIAN EMPHASIS MARK}\N{ARMENIAN EXCLAMATION MARK}\N{ARMENIAN QUESTION MARK}"
)
"""Signs that follow a letter of a word, as combining marks do."""

_INVISIBLE = re.compile("[\u00ad\u061c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]+")
"""Soft hyphens, direction marks and the like: a word is the same with and without them."""

_UNSPACED_SCRIPTS = {
    "Thai, Lao": "\u0e00-\u0eff",
    "Tibetan": "\u0f00-\u0fff",
    "Burmese": "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f",
    "Khmer": "\u1780-\u17ff",
    "Tai Le, New Tai Lue, Tai Tham, Tai Viet": "\u1950-\u19df\u1a20-\u1aaf\uaa80-\uaadf",
    "Buginese, Balinese, Javanese": "\u1a00-\u1a1f\u1b00-\u1b7f\ua980-\ua9df",
    "Japanese": "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f\U0001b000-\U0001b16f",
    "Chinese": "\u3005-\u3007\u3100-\u312f\u31a0-\u31bf\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff",
}
_UNSPACED = f"[{''.join(_UNSPACED_SCRIPTS.values())}]"
_UNSPACED_RUN = re.compile(f"{_UNSPACED}+")
_CUT = re.compile(f"(?<={_UNSPACED})[ \t\u00a0\u200b\u3000]+(?={_UNSPACED})")
_LETTERS_PER_CUT = 5
"""Where such scripts have a space after fewer letters than this, words were separated."""

_ASCII_WORD = re.compile(r"\w+(?:'\w+)*", re.ASCII)


def find_words(text: str) -> list[str]:
    """Return the words of a text, in their order.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    list of str
        Runs of letters, digits and underscores, with their marks and the signs between them.
    """
    if text.isascii():  # finds the same words as below, in half the time
        return _ASCII_WORD.findall(text)
    return _any_word().findall(_INVISIBLE.sub("", text))


@cache
def _any_word() -> re.Pattern[str]:
    marks = combining_marks() + _LIKE_MARKS
    return re.compile(
        rf"""
        \w+
        (?: (?! [\0-!\#-&(-\x7f] )        # most words end here: no need to look at all marks
            (?: [{marks}]+ \w*
            |   [{_JOINERS}] \w+
            |   [\u200c\u180e]+ [\w{marks}] \w*  # Persian's and Mongolian's gaps within words
            |   (?<=[א-ת]) " (?=[א-ת]) \w+       # Hebrew acronyms, as they are typed
            )
        )*
        """,
        re.VERBOSE,
    )


@cache
def combining_marks() -> str:
    """Return all combining marks, as ranges of a character class; `re` has no name for them."""
    planes = chain(range(0x20000), range(0xE0000, 0xE1000))  # all that have some; 15 ms
    points = [c for c in planes if unicodedata.category(chr(c))[0] == "M"]
    starts = [c for c, before in zip(points, [-1, *points], strict=False) if c != before + 1]
    ends = [c for c, after in zip(points, [*points[1:], -1], strict=True) if c != after - 1]
    return "".join(f"{chr(a)}-{chr(b)}" for a, b in zip(starts, ends, strict=True))


def are_unspaced(texts: Iterable[str]) -> bool:
    """Return whether texts have no spaces between words.

    Parameters
    ----------
    texts : iterable of str
        The texts, or a sample of them.

    Returns
    -------
    bool
        Whether most letters are of scripts without spaces, and their words were not separated
        nevertheless, as by a program.
    """
    sample = "\n".join(texts)
    n_unspaced = _n_letters("".join(_UNSPACED_RUN.findall(sample)))
    if not n_unspaced or 2 * n_unspaced <= _n_letters(sample):
        return False
    return len(_CUT.findall(sample)) * _LETTERS_PER_CUT < n_unspaced


def _n_letters(text: str) -> int:
    return sum(map(str.isalpha, text))
