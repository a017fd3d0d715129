"""From a document to its tokens, by the parameters of a vectorizer.

The analysis is CountVectorizer's, applied to normalised text and with words of all scripts.
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
from typing import Any, Literal, Protocol

from sklearn.feature_extraction.text import CountVectorizer

from .documents import Check, as_given, as_text, as_tokens
from .words import are_unspaced, combining_marks, find_words

__all__ = [
    "AnalysisParameters",
    "document_check",
    "lowercases_tokens",
    "make_analyzer",
    "to_normal_form",
    "warn_if_unspaced",
    "warn_of_parameters",
]

_SAMPLE = 1_000
"""Number of texts that decide whether there are spaces between words."""

_FORMER_PATTERN = r"(?u)\b\w+(?:['’]\w+)*\b"
"""The default of earlier versions, which models that they saved still have."""


class AnalysisParameters(Protocol):
    """A vectorizer, as far as its parameters decide how texts become tokens."""

    lowercase: bool
    strip_accents: str | Callable[[str], str] | None
    normalize: Literal["NFC", "NFD", "NFKC", "NFKD"] | None
    preprocessor: Callable[[Any], Any] | None
    tokenizer: Callable[[Any], Iterable[str]] | None
    token_pattern: str | None
    stop_words: str | list[str] | None
    analyzer: str | Callable[[Any], Iterable[str]]


# ---- The analyzer ----------------------------------------------------------------------------

_PIECE = 2**18
"""Characters of a long text that are read at a time; an ordinary text is a single piece."""

_GAP = re.compile("(?<=[!-~])[ \n]")
"""Where a text may be split: no word, normal form or run of spaces continues across it."""


@dataclass(frozen=True)
class _Composed:
    """Functions applied one after another; unlike a closure, it can be sent to processes."""

    steps: tuple[Callable[[Any], Any], ...]
    in_pieces: bool = False
    """Whether the tokens of a text are those of its pieces, one after another."""

    def __call__(self, document: Any) -> list[str]:
        tokens = self.lazily(document)
        return tokens if isinstance(tokens, list) else list(tokens)

    def lazily(self, document: Any) -> Iterable[str]:
        """Return the tokens; a long text is read piece by piece while they are iterated."""
        if self.in_pieces and isinstance(document, str) and len(document) > _PIECE:
            return chain.from_iterable(map(self._apply, _pieces(document)))
        return self._apply(document)

    def _apply(self, document: Any) -> list[str]:
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


def make_analyzer(vectorizer: AnalysisParameters) -> Callable[[Any], list[str]]:
    """Return the function from a document to its tokens."""
    who, form, analyzer = type(vectorizer).__name__, vectorizer.normalize, vectorizer.analyzer
    if analyzer == "tokens":
        return partial(_tokens, who, _unchanged, "the document", form)
    normalized = partial(to_normal_form, form)
    if callable(analyzer):
        return _Composed((normalized, partial(_tokens, who, analyzer, "the analyzer", form)))
    preprocessed = _counterpart(vectorizer).build_preprocessor()
    steps = (
        normalized,
        preprocessed,
        normalized,  # again: "J" with a caron has no composed form, its lower case "ǰ" has one
        *_tokenizing_steps(vectorizer),
        *_filtering_steps(vectorizer),
    )
    return _Composed(steps, in_pieces=not _reads_whole_texts(vectorizer))


def _reads_whole_texts(vectorizer: AnalysisParameters) -> bool:
    """Return whether functions or patterns of the user's own may look at all of a text."""
    if vectorizer.preprocessor is not None or callable(vectorizer.strip_accents):
        return True
    own = vectorizer.tokenizer, vectorizer.token_pattern
    return vectorizer.analyzer == "word" and own != (None, None)


def _counterpart(vectorizer: AnalysisParameters) -> CountVectorizer:
    names = ("lowercase", "strip_accents", "preprocessor", "token_pattern", "stop_words")
    return CountVectorizer(**{name: getattr(vectorizer, name) for name in names})


def _tokenizing_steps(vectorizer: AnalysisParameters) -> tuple[Callable[[Any], Any], ...]:
    """Return the steps from preprocessed text to tokens."""
    who = type(vectorizer).__name__
    check = partial(_check_str, who)
    if vectorizer.analyzer != "word":
        characters = CountVectorizer(analyzer=vectorizer.analyzer, lowercase=False)
        return check, characters.build_analyzer()
    if vectorizer.tokenizer is not None:
        form = vectorizer.normalize
        return (partial(_tokens, who, vectorizer.tokenizer, "the tokenizer", form),)
    if vectorizer.token_pattern is not None:
        return check, _counterpart(vectorizer).build_tokenizer()
    return check, find_words


def _check_str(who: str, text: Any) -> str:
    if isinstance(text, str):
        return text
    raise TypeError(
        f"{who}: expected the preprocessor to give a str, got {type(text).__name__}: "
        f"{text!r:.60}. Where it gives tokens, make it the analyzer."
    )


def _filtering_steps(
    vectorizer: AnalysisParameters,
) -> tuple[Callable[[list[str]], list[str]], ...]:
    stop_words = _stop_words(vectorizer)
    return (partial(_without, stop_words),) if stop_words else ()


def _stop_words(vectorizer: AnalysisParameters) -> frozenset[str]:
    if vectorizer.analyzer != "word" or vectorizer.stop_words is None:
        return frozenset()
    words = _counterpart(vectorizer).get_stop_words()
    return frozenset(to_normal_form(vectorizer.normalize, word) for word in words)


def _without(stop_words: frozenset[str], tokens: list[str]) -> list[str]:
    return [token for token in tokens if token not in stop_words]


# ---- Normal forms ----------------------------------------------------------------------------

_JOINER = "\N{COMBINING GRAPHEME JOINER}"
_MAY_BE_LONG = re.compile(r"[^\x00-\u02ff]{30}")
"""Few texts have 30 characters in a row that could be marks, which is quick to see."""


@cache
def _long_run() -> re.Pattern[str]:
    """Return a pattern of more marks than any letter has, unless they are already joined."""
    return re.compile(f"(?:(?!{_JOINER})[{combining_marks()}]){{30}}(?!{_JOINER})")


def to_normal_form(form: str | None, value: Any) -> Any:
    """Return a str in a normal form of Unicode; unchanged if None, or for other types."""
    if form is None or not isinstance(value, str) or value.isascii():
        return value
    if _MAY_BE_LONG.search(value):
        # Sorting n marks takes n² steps. A joiner after every 30th stops that, as in the
        # stream-safe format of Unicode's annex 15.
        value = _long_run().sub(rf"\g<0>{_JOINER}", value)
    return unicodedata.normalize(form, value)  # type: ignore[arg-type]


# ---- Tokens from outside ---------------------------------------------------------------------


def _tokens(
    who: str, tokenize: Callable[[Any], Any], giver: str, form: str | None, document: Any
) -> list[str]:
    """Return the tokens that a function makes of a document: plain str, in normal form."""
    given = tokenize(document)
    if isinstance(given, str | bytes | Mapping | Set) or not isinstance(given, Iterable):
        # Letters, keys, or words in no order: without an error they would be taken for tokens.
        raise TypeError(
            f"{who}: expected a list of tokens from {giver}, got "
            f"{type(given).__name__}: {given!r:.60}. (A text's characters are list(text).)"
        )
    tokens = list(given)
    if not set(map(type, tokens)) <= {str}:
        tokens = [_plain_str(who, token, giver, tokens) for token in tokens]
    return [token if token.isascii() else to_normal_form(form, token) for token in tokens]


def _unchanged(document: Any) -> Any:
    return document


def _plain_str(who: str, token: Any, giver: str, tokens: list[Any]) -> str:
    if isinstance(token, str):
        return str.__str__(token)  # from NumPy's, for instance: a vocabulary has plain str only
    if isinstance(token, bytes):
        cure = 'Decode it: token.decode("utf-8").'
    elif isinstance(token, Integral):
        cure = "Give the tokens themselves, not their ids."
    else:
        cure = "Give its text, such as token.text for spaCy's, or leave it out."
    raise TypeError(
        f"{who}: expected tokens of type str from {giver}, got {type(token).__name__} in "
        f"{tokens!r:.60}. {cure}"
    )


# ---- What parameters mean for others ---------------------------------------------------------


def document_check(vectorizer: AnalysisParameters) -> Check:
    """Return the check for documents: where a function of the user's reads them, of any type."""
    if vectorizer.analyzer == "tokens":
        return as_tokens
    if callable(vectorizer.analyzer) or vectorizer.preprocessor is not None:
        return as_given
    is_preprocessed = vectorizer.lowercase or vectorizer.strip_accents
    has_tokenizer = vectorizer.analyzer == "word" and vectorizer.tokenizer is not None
    return as_given if has_tokenizer and not is_preprocessed else as_text


def lowercases_tokens(vectorizer: AnalysisParameters) -> bool:
    """Return whether tokens are converted to lower case before they are looked up."""
    reads_texts = vectorizer.analyzer in ("word", "char", "char_wb")
    return bool(vectorizer.lowercase and vectorizer.preprocessor is None and reads_texts)


def warn_of_parameters(vectorizer: AnalysisParameters) -> None:
    """Warn of parameters that are not used, and of stop words that texts do not match."""
    who = type(vectorizer).__name__
    for name, reason in _unused(vectorizer):
        warnings.warn(
            f"{who}: the parameter {name!r} will not be used since {reason}.",
            UserWarning,
            stacklevel=5,
        )
    missing = sorted(_stop_words_missing(vectorizer))
    if missing:
        warnings.warn(
            f"{who}: stop_words may be inconsistent with how texts are read: tokenised, they also "
            f"give {missing[:10]}, which are not left out. Add these.",
            UserWarning,
            stacklevel=5,
        )


def _unused(vectorizer: AnalysisParameters) -> Iterator[tuple[str, str]]:
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


def _stop_words_missing(vectorizer: AnalysisParameters) -> set[str]:
    stop_words = _stop_words(vectorizer)
    try:
        analyze = make_analyzer(vectorizer)
        return {token for word in stop_words for token in analyze(word)}
    except Exception:  # functions of the user's own may take other things than words
        return set()


def warn_if_unspaced(vectorizer: AnalysisParameters, documents: Iterator[Any]) -> Iterator[Any]:
    """Return the documents; warn if words are to be found in texts without spaces."""
    has_own_words = vectorizer.tokenizer is not None or vectorizer.token_pattern is not None
    if vectorizer.analyzer != "word" or has_own_words:
        return documents
    first = list(islice(documents, _SAMPLE))
    if are_unspaced(text for text in first if isinstance(text, str)):
        warnings.warn(
            f"{type(vectorizer).__name__}: most letters are of scripts that put no spaces between "
            'words: whole phrases are read as words. Pass analyzer="char" to read characters, or '
            "a tokenizer that cuts words.",
            UserWarning,
            stacklevel=5,
        )
    return chain(first, documents)
