"""From a document to its tokens, as a vectorizer's parameters say.

The analysis is CountVectorizer's, of normalised text and with words of all scripts.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, islice
from numbers import Integral
from typing import Any

from sklearn.feature_extraction.text import CountVectorizer

from .documents import Check, as_given, as_text, as_tokens
from .words import are_unspaced, combining_marks, find_words

__all__ = [
    "analysis",
    "document_check",
    "in_form",
    "is_lowered",
    "warn_of_parameters",
    "warning_if_unspaced",
]

_SAMPLE = 1_000
"""Texts that say whether there are spaces between words."""

_FORMER_PATTERN = r"(?u)\b\w+(?:['’]\w+)*\b"
"""The default before words of all scripts: models that were saved then still say it."""


_PIECE = 2**18
"""Characters of a long text that are read at a time; of ordinary texts, each is one piece."""

_GAP = re.compile("(?<=[!-~])[ \n]")
"""Where a text may be cut: no word, normal form or run of spaces goes on beyond it."""


@dataclass(frozen=True)
class _InTurn:
    """Functions one after the other; unlike a closure, it can be sent to other processes."""

    steps: tuple[Callable[[Any], Any], ...]
    in_pieces: bool = False
    """Whether what a text gives is what its pieces give, one after the other."""

    def __call__(self, document: Any) -> list[str]:
        tokens = self.lazily(document)
        return tokens if isinstance(tokens, list) else list(tokens)

    def lazily(self, document: Any) -> Iterable[str]:
        """Return the tokens; those of a long text as they are asked for."""
        if self.in_pieces and isinstance(document, str) and len(document) > _PIECE:
            return chain.from_iterable(map(self._all, _pieces(document)))
        return self._all(document)

    def _all(self, document: Any) -> list[str]:
        for step in self.steps:
            document = step(document)
        return document


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        gap = _GAP.search(text, start + _PIECE)
        end = len(text) if gap is None else gap.start()
        yield text[start:end]
        start = end


def analysis(vectorizer: Any) -> Callable[[Any], list[str]]:
    """Return the function from a document to its tokens that a vectorizer's parameters ask for."""
    form, analyzer = vectorizer.normalize, vectorizer.analyzer
    if analyzer == "tokens":
        return partial(_tokens, _itself, "the document", form)
    normalized = partial(in_form, form)
    if callable(analyzer):
        return _InTurn((normalized, partial(_tokens, analyzer, "the analyzer", form)))
    lowered = _counter(vectorizer).build_preprocessor()
    # Twice: "J" with a caron has no composed form, the "ǰ" that is its lower case has one.
    steps = (normalized, lowered, normalized, *_cut(vectorizer), *_filter(vectorizer))
    return _InTurn(steps, in_pieces=not _reads_whole_texts(vectorizer))


def _reads_whole_texts(vectorizer: Any) -> bool:
    """Return whether functions or patterns of the user's own may look at all of a text."""
    if vectorizer.preprocessor is not None or callable(vectorizer.strip_accents):
        return True
    own = vectorizer.tokenizer, vectorizer.token_pattern
    return vectorizer.analyzer == "word" and own != (None, None)


def _counter(vectorizer: Any) -> CountVectorizer:
    names = ("lowercase", "strip_accents", "preprocessor", "token_pattern", "stop_words")
    return CountVectorizer(**{name: getattr(vectorizer, name) for name in names})


def _cut(vectorizer: Any) -> tuple[Callable[[Any], Any], ...]:
    """Return the steps from what preprocessing gives to tokens."""
    if vectorizer.analyzer != "word":
        characters = CountVectorizer(analyzer=vectorizer.analyzer, lowercase=False)
        return _str_only, characters.build_analyzer()
    if vectorizer.tokenizer is not None:
        return (partial(_tokens, vectorizer.tokenizer, "the tokenizer", vectorizer.normalize),)
    if vectorizer.token_pattern is not None:
        return _str_only, _counter(vectorizer).build_tokenizer()
    return _str_only, find_words


def _filter(vectorizer: Any) -> tuple[Callable[[list[str]], list[str]], ...]:
    stop_words = _stop_words(vectorizer)
    return (partial(_without, stop_words),) if stop_words else ()


def _stop_words(vectorizer: Any) -> frozenset[str]:
    if vectorizer.analyzer != "word" or vectorizer.stop_words is None:
        return frozenset()
    words = _counter(vectorizer).get_stop_words()
    return frozenset(in_form(vectorizer.normalize, word) for word in words)


def _without(stop_words: frozenset[str], tokens: list[str]) -> list[str]:
    return [token for token in tokens if token not in stop_words]


_JOINER = "\N{COMBINING GRAPHEME JOINER}"
_MAY_BE_LONG = re.compile(r"[^\x00-\u02ff]{30}")
"""Most texts have no 30 characters in a row that could be marks, which is quick to see."""


@cache
def _long_run() -> re.Pattern[str]:
    """Return what finds as many marks as no letter has, unless they are joined already."""
    return re.compile(f"(?:(?!{_JOINER})[{combining_marks()}]){{30}}(?!{_JOINER})")


def in_form(form: Any, value: Any) -> Any:
    """Return a str in a normal form of Unicode; with None, and all else, as it is."""
    if form is None or not isinstance(value, str) or value.isascii():
        return value
    if _MAY_BE_LONG.search(value):
        # Putting n marks in order takes n² steps. A joiner after each 30 ends that, as in the
        # stream-safe format of Unicode's annex 15.
        value = _long_run().sub(rf"\g<0>{_JOINER}", value)
    return unicodedata.normalize(form, value)


def _str_only(text: Any) -> str:
    if isinstance(text, str):
        return text
    raise TypeError(
        f"SequenceVectorizer: expected the preprocessor to give a str, got {type(text).__name__}: "
        f"{text!r:.60}. Where it gives tokens, make it the analyzer."
    )


# ---- Tokens that others have cut -------------------------------------------------------------


def _tokens(cut: Callable[[Any], Any], giver: str, form: Any, document: Any) -> list[str]:
    """Return what a function makes of a document: a list of plain str, in normal form."""
    given = cut(document)
    if isinstance(given, str | bytes | Mapping | Set) or not isinstance(given, Iterable):
        # Letters, keys, or words in no order: all would be taken without an error.
        raise TypeError(
            f"SequenceVectorizer: expected a list of tokens from {giver}, got "
            f"{type(given).__name__}: {given!r:.60}. (A text's characters are list(text).)"
        )
    tokens = list(given)
    if not set(map(type, tokens)) <= {str}:
        tokens = [_plain_str(token, giver, tokens) for token in tokens]
    return [token if token.isascii() else in_form(form, token) for token in tokens]


def _itself(document: Any) -> Any:
    return document


def _plain_str(token: Any, giver: str, tokens: list[Any]) -> str:
    if isinstance(token, str):
        return str.__str__(token)  # NumPy's, for instance: a vocabulary holds nothing but str
    if isinstance(token, bytes):
        cure = 'Decode it: token.decode("utf-8").'
    elif isinstance(token, Integral):
        cure = "Give the tokens themselves, not their ids."
    else:
        cure = "Give its text, such as token.text for spaCy's, or leave it out."
    raise TypeError(
        f"SequenceVectorizer: expected tokens of type str from {giver}, got "
        f"{type(token).__name__} in {tokens!r:.60}. {cure}"
    )


# ---- What parameters mean for others ---------------------------------------------------------


def document_check(vectorizer: Any) -> Check:
    """Return the check of what documents have to be: where functions read them, anything."""
    if vectorizer.analyzer == "tokens":
        return as_tokens
    if callable(vectorizer.analyzer) or vectorizer.preprocessor is not None:
        return as_given
    as_it_is = not (vectorizer.lowercase or vectorizer.strip_accents)
    has_tokenizer = vectorizer.analyzer == "word" and vectorizer.tokenizer is not None
    return as_given if as_it_is and has_tokenizer else as_text


def is_lowered(vectorizer: Any) -> bool:
    """Return whether tokens are lowered before they are looked up."""
    reads_texts = vectorizer.analyzer in ("word", "char", "char_wb")
    return bool(vectorizer.lowercase and vectorizer.preprocessor is None and reads_texts)


def warn_of_parameters(vectorizer: Any) -> None:
    """Warn of parameters that are not used, and of stop words that the analysis does not give."""
    for name, reason in _unused(vectorizer):
        warnings.warn(
            f"SequenceVectorizer: the parameter {name!r} will not be used since {reason}.",
            UserWarning,
            stacklevel=5,
        )
    missing = sorted(_stop_words_missing(vectorizer))
    if missing:
        warnings.warn(
            "SequenceVectorizer: stop_words may be inconsistent with how texts are read: made "
            f"into tokens, they also give {missing[:10]}, which are not left out. Add these.",
            UserWarning,
            stacklevel=5,
        )


def _unused(vectorizer: Any) -> Iterator[tuple[str, str]]:
    analyzer = vectorizer.analyzer
    given = {
        name
        for name in ("preprocessor", "stop_words", "token_pattern", "tokenizer")
        if getattr(vectorizer, name) not in (None, _FORMER_PATTERN)
    }
    if analyzer != "word":
        named = "a function" if callable(analyzer) else repr(analyzer)
        for name in sorted(given - {"preprocessor"}):
            yield name, f"'analyzer' is {named}, not 'word'"
        if "preprocessor" in given and analyzer not in ("char", "char_wb"):
            yield "preprocessor", f"'analyzer' is {named}"
    elif {"token_pattern", "tokenizer"} <= given:
        yield "token_pattern", "'tokenizer' is not None"


def _stop_words_missing(vectorizer: Any) -> set[str]:
    stop_words = _stop_words(vectorizer)
    try:
        analyze = analysis(vectorizer)
        return {token for word in stop_words for token in analyze(word)}
    except Exception:  # functions of the user's own need not take words
        return set()


def warning_if_unspaced(vectorizer: Any, documents: Iterator[Any]) -> Iterator[Any]:
    """Return the documents; warn where words are to be found in texts without spaces."""
    has_own_words = vectorizer.tokenizer is not None or vectorizer.token_pattern is not None
    if vectorizer.analyzer != "word" or has_own_words:
        return documents
    first = list(islice(documents, _SAMPLE))
    if are_unspaced(text for text in first if isinstance(text, str)):
        warnings.warn(
            "SequenceVectorizer: most letters are of scripts that put no spaces between words: "
            'whole phrases are read as words. Pass analyzer="char" to read characters, or a '
            "tokenizer that cuts words.",
            UserWarning,
            stacklevel=5,
        )
    return chain(first, documents)
