"""From raw texts to sequences of token ids."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Integral
from typing import Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ._data.analyzer import document_check, make_analyzer, warn_if_unspaced, warn_of_parameters
from ._data.documents import check_documents
from ._data.id_rows import Layout, buffer_chunks, to_padded_rows, truncate
from ._data.token_ids import (
    Chunk,
    PartialCounts,
    WordCounts,
    count_texts,
    encode_texts,
    growing_ids,
    id_or_unknown,
    keeps_all,
)
from ._data.vocabulary import MARKERS, given_words, ids_of, select_words
from ._utils.arrays import as_array, check_numbers, whole_numbers
from ._utils.padding_margin import PaddingMargin
from ._utils.saved_state import VersionedState, check_method
from ._utils.snapshots import commit_on_success, snapshot
from ._utils.validation import check_ids
from .sequences import PADDING, TokenSequences

__all__ = ["SequenceVectorizer"]

_NOT_OURS = {"input", "encoding", "decode_error", "ngram_range", "binary", "dtype"}
"""Parameters of CountVectorizer that have no counterpart here."""

R = TypeVar("R")


class SequenceVectorizer(  # type: ignore[call-arg]  # scikit-learn's keyword, untyped
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    VersionedState,
    BaseEstimator,
    auto_wrap_output_keys=None,
):
    r"""Turn texts into sequences of token ids, all of one length.

    The counterpart of :class:`~sklearn.feature_extraction.text.CountVectorizer` for models
    that read words in their order: the same analysis of texts, a vocabulary learned from the
    training texts, but ids in place of counts.

    Id 0 is padding and id 1 is the unknown token, which replaces every token that is not in the
    vocabulary. Words start at 2, in the order of falling frequency, ties by spelling.

    Parameters
    ----------
    lowercase : bool, default=True
        Convert texts to lower case before tokenising.
    strip_accents : {"ascii", "unicode"} or callable, default=None
        Remove accents in preprocessing, as in ``CountVectorizer``.
    normalize : {"NFC", "NFD", "NFKC", "NFKD"}, default="NFC"
        The Unicode normal form that texts are converted to first, and again after preprocessing;
        so are the tokens that functions return, `vocabulary` and `stop_words`. "café" is then one
        word, whether or not its accent is a character of its own. "NFKC" also converts full-width
        letters and ligatures to plain ones. None changes nothing.
    preprocessor : callable, default=None
        Replaces preprocessing (lower case, accents) but not tokenising. Takes any document.
    tokenizer : callable, default=None
        Replaces tokenising but not preprocessing; ``jieba.lcut`` for Chinese. Only used with
        ``analyzer="word"``.
    token_pattern : str, default=None
        Regular expression of a token, if no `tokenizer` is given. None means words of all
        scripts, see Notes. Unlike in ``CountVectorizer``, words of one letter count and
        contractions are not split: a model of sequences needs "i" and "didn't".
    stop_words : {"english"} or list of str, default=None
        Words to leave out. Where order matters this rarely helps: "not" is one of them.
    analyzer : {"word", "char", "char_wb", "tokens"} or callable, default="word"
        What the tokens are. A character is a code point: a vowel sign of Hindi is one of its own.
        "tokens" takes texts that are already tokenised, each a list of str, which are only
        normalised. A callable takes any document.
    min_df : int or float, default=1
        Leave out words that occur in fewer texts than this: a number of texts (int), or a
        fraction of them (float in [0, 1]).
    max_df : int or float, default=1.0
        Leave out words that occur in more texts than this.
    max_features : int, default=None
        Number of ids, including padding and the unknown token, and so of rows of an embedding
        table: ``max_features=10_000`` keeps the 9,998 most frequent words. None keeps all.
    vocabulary : mapping or iterable of str, default=None
        The words, given instead of learned: in the order of their ids, the first of which is 2 (a
        mapping is sorted by its values, which must be consecutive). Then `transform` needs no
        `fit`, unless `max_len` is None.
    max_len : int, default=500
        Length of every sequence, in tokens: longer texts are cut, shorter ones padded. None
        takes the length of the longest training text.
    padding : {"pre", "post"}, default="pre"
        The side of the padding. The final estimators give the same answer for both.
    truncating : {"pre", "post"}, default="pre"
        The side at which texts that are too long are cut: "pre" keeps a text's end.
    memmap_dir : path, default=None
        A folder for sequences that are larger than memory. Texts are then read in chunks, from
        any iterable, such as a :class:`~sklearn_rnn.corpora.TextFile`; ids are written to a file
        there, which is mapped into memory, and deleted when the sequences are no longer used. Up
        to 1,000 texts are kept in memory nevertheless. None keeps all in memory.
    n_jobs : int, default=None
        Number of processes that analyse texts, 1,000 at a time; -1 means one for each core. None
        means 1, unless within a :obj:`joblib.parallel_config`. Within that of a cluster, such as
        Dask's or Ray's, it is always 1: texts stay where they are.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Token ids by token, without the two markers; ids start at 2.
    vocabulary_size_ : int
        Number of ids: those of the tokens and of the two markers.
    n_tokens_ : int
        Length of the sequences that `transform` returns.

    See Also
    --------
    sklearn_rnn.corpora.TextFile : Texts in a file, one per line.
    sklearn_rnn.classifier.RNNTextClassifier : Reads the sequences.

    Notes
    -----
    A word is a run of letters, digits and underscores of any script, with their combining marks
    and with apostrophes and the like between them: "didn't", "बुरा", "col·lega". Soft hyphens are
    left out. Thai, Lao, Khmer, Burmese, Tibetan, Chinese and Japanese put no spaces between words:
    there, all text between two punctuation marks is one "word", and `fit` warns. Use
    ``analyzer="char"`` to read characters, or a `tokenizer` that separates words.

    A fit replaces the old vocabulary in one step, at its end: other threads may transform in the
    meantime.

    Examples
    --------
    >>> from sklearn_rnn.text import SequenceVectorizer
    >>> vectorizer = SequenceVectorizer(max_len=4)
    >>> sequences = vectorizer.fit_transform(["not good", "good, so good!"])
    >>> sequences.ids
    array([[0, 0, 3, 2],
           [0, 2, 4, 2]], dtype=int32)
    >>> vectorizer.inverse_transform(sequences)
    [['not', 'good'], ['good', 'so', 'good']]
    """

    _entries: tuple[str, ...]
    _parameter_constraints = {
        **{
            name: constraint
            for name, constraint in CountVectorizer._parameter_constraints.items()
            if name not in _NOT_OURS
        },
        "analyzer": [StrOptions({"word", "char", "char_wb", "tokens"}), callable],
        "normalize": [StrOptions({"NFC", "NFD", "NFKC", "NFKD"}), None],
        "max_features": [Interval(Integral, len(MARKERS) + 1, None, closed="left"), None],
        "max_len": [Interval(Integral, 1, None, closed="left"), None],
        "padding": [StrOptions({"pre", "post"})],
        "truncating": [StrOptions({"pre", "post"})],
        "memmap_dir": [str, os.PathLike, None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        *,
        lowercase: bool = True,
        strip_accents: str | Callable[[str], str] | None = None,
        normalize: Literal["NFC", "NFD", "NFKC", "NFKD"] | None = "NFC",
        preprocessor: Callable[[Any], Any] | None = None,
        tokenizer: Callable[[Any], Iterable[str]] | None = None,
        token_pattern: str | None = None,
        stop_words: str | list[str] | None = None,
        analyzer: str | Callable[[Any], Iterable[str]] = "word",
        min_df: float = 1,
        max_df: float = 1.0,
        max_features: int | None = None,
        vocabulary: Mapping[str, int] | Iterable[str] | None = None,
        max_len: int | None = 500,
        padding: Literal["pre", "post"] = "pre",
        truncating: Literal["pre", "post"] = "pre",
        memmap_dir: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.normalize = normalize
        self.preprocessor = preprocessor
        self.tokenizer = tokenizer
        self.token_pattern = token_pattern
        self.stop_words = stop_words
        self.analyzer = analyzer
        self.min_df = min_df
        self.max_df = max_df
        self.max_features = max_features
        self.vocabulary = vocabulary
        self.max_len = max_len
        self.padding = padding
        self.truncating = truncating
        self.memmap_dir = memmap_dir
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, raw_documents: Iterable[str], y: Any = None) -> Self:
        """Learn the vocabulary.

        Parameters
        ----------
        raw_documents : iterable of str
            The training texts; lists of str with ``analyzer="tokens"``, any documents that a
            callable takes.
        y : None
            Ignored.

        Returns
        -------
        SequenceVectorizer
            The fitted vectorizer.

        Raises
        ------
        TypeError
            If a text is not a str.
        ValueError
            If there is no text, or no word is left for the vocabulary.
        """
        with commit_on_success(self) as fitted:
            fitted._build_vocabulary(raw_documents, consume=_discard)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, raw_documents: Iterable[str], y: Any = None) -> TokenSequences:
        """Learn the vocabulary and return the training texts as sequences, in one pass.

        Parameters
        ----------
        raw_documents : iterable of str
            The training texts; lists of str with ``analyzer="tokens"``, any documents that a
            callable takes.
        y : None
            Ignored.

        Returns
        -------
        TokenSequences of shape (n_texts, n_tokens)
            The sequences.

        Raises
        ------
        TypeError
            If a text is not a str.
        ValueError
            If there is no text, or no word is left for the vocabulary.
        """
        with commit_on_success(self) as fitted:
            chunks, new_ids = fitted._build_vocabulary(raw_documents, consume=fitted._buffer)
            if new_ids is not None:
                chunks = (Chunk(new_ids[tokens], lengths) for tokens, lengths in chunks)
            return fitted._sequences(chunks)

    def transform(self, raw_documents: Iterable[str]) -> TokenSequences:
        """Return texts as sequences.

        Parameters
        ----------
        raw_documents : iterable of str
            The texts, as in `fit`.

        Returns
        -------
        TokenSequences of shape (n_texts, n_tokens)
            The sequences.

        Raises
        ------
        TypeError
            If a text is not a str.
        ValueError
            If there is no text.
        """
        self._check_vocabulary()
        who, fitted = type(self).__name__, snapshot(self)
        if not hasattr(fitted, "n_tokens_"):
            raise NotFittedError(
                f"{who}: with max_len=None the training texts decide: call fit first."
            )
        texts = check_documents(who, raw_documents, document_check(fitted))
        id_of = id_or_unknown(fitted.vocabulary_)
        chunks = encode_texts(texts, fitted.build_analyzer(), id_of, fitted.n_jobs)
        return fitted._sequences(truncate(chunks, fitted._layout(fitted.n_tokens_)))

    def inverse_transform(self, X: Any) -> list[list[str]]:
        """Return the tokens of sequences, padding left out.

        Parameters
        ----------
        X : TokenSequences or array-like of int of shape (n_texts, n_tokens)
            The sequences.

        Returns
        -------
        list of list of str
            The tokens of each text; those that are not in the vocabulary are ``"<unk>"``.
        """
        self._check_vocabulary()
        who = type(self).__name__
        words = np.array(self._entries, dtype=object)
        ids = X._stored if isinstance(X, TokenSequences) else _check_array_of_ids(who, X)
        check_ids(who, ids, len(words))
        return [words[row[row != PADDING]].tolist() for row in ids]

    def build_analyzer(self) -> Callable[[Any], list[str]]:
        """Return the function that turns a text into tokens.

        Returns
        -------
        callable
            From a document to its tokens, neither truncated nor looked up in the vocabulary.
        """
        return make_analyzer(self)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Do nothing: sequences carry their vocabulary, which a data frame would lose.

        A pipeline accepts ``set_output(transform="pandas")`` nevertheless: its last step then
        returns data frames.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Ignored.

        Returns
        -------
        SequenceVectorizer
            The vectorizer.
        """
        return self

    @property
    def vocabulary_size_(self) -> int:
        """Number of ids: words, padding and the unknown token."""
        return len(self._entries)

    @property
    def _n_features_out(self) -> int:
        self._check_vocabulary()
        return self.n_tokens_

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the ids of words, which follow from their order."""
        for name in ("preprocessor", "tokenizer", "analyzer"):
            check_method(f"{type(self).__name__}: {name}", getattr(self, name))
        return {k: v for k, v in super().__getstate__().items() if k != "vocabulary_"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # For models that were saved before these were parameters.
        super().__setstate__({"normalize": None, "max_df": 1.0, **state})
        if hasattr(self, "_entries"):
            self.vocabulary_ = ids_of(self._entries[len(MARKERS) :])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_entries")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    def _build_vocabulary(
        self, raw_documents: Iterable[Any], consume: Callable[[Iterator[Chunk]], R]
    ) -> tuple[R, NDArray[np.int32] | None]:
        """Learn the vocabulary; return what `consume` makes of the texts as ids.

        While texts pass, words get ids in the order of their first occurrence, since frequencies
        are known only at the end. Returned, too, are the final ids by these, unless the
        vocabulary was given.
        """
        who = type(self).__name__
        texts = check_documents(who, raw_documents, document_check(self))
        warn_of_parameters(self)
        given = None if self.vocabulary is None else given_words(self)
        texts = warn_if_unspaced(self, texts)
        seen = growing_ids()
        id_of = seen.__getitem__ if given is None else id_or_unknown(ids_of(given))
        counts = WordCounts(by_text=given is None and not keeps_all(self.min_df, self.max_df))
        chunks = encode_texts(texts, self.build_analyzer(), id_of, self.n_jobs)
        consumed = consume(counts.count_while_passing(chunks))
        if given is not None:
            self._set_vocabulary(given, self.max_len or max(counts.longest, 1))
            return consumed, None
        return consumed, self._select_vocabulary(list(seen), counts)

    def _build_vocabulary_in_parts(
        self, who: str, count_parts: Callable[[Callable[[Iterable[Any]], PartialCounts]], Any]
    ) -> None:
        """Learn the vocabulary of a partitioned corpus.

        `count_parts` is given the function that counts one part, and returns the counts of all
        parts, merged.
        """
        self._validate_params()
        if self.vocabulary is not None:
            raise ValueError(
                f"{who}: the vectorizer was given its vocabulary: there is nothing to learn. Call "
                "fit with any text."
            )
        warn_of_parameters(self)
        words, counts = count_parts(self._count_part)
        if not counts.n_texts:
            raise ValueError(f"{type(self).__name__}: expected at least one text, got none.")
        self._select_vocabulary(words, counts)

    def _count_part(self, texts: Iterable[Any]) -> PartialCounts:
        check = document_check(self)  # without row numbers: those within a part would mislead
        documents = (check(type(self).__name__, None, text) for text in texts)
        return count_texts(documents, self.build_analyzer())

    def _select_vocabulary(self, words: list[str], counts: WordCounts) -> NDArray[np.int32]:
        """Choose the vocabulary from words that were counted; return the new id of each."""
        selected, new_ids = select_words(self, words, counts)
        self._set_vocabulary(selected, self.max_len or max(counts.longest, 1))
        return new_ids

    def _set_vocabulary(self, words: list[str], n_tokens: int | None) -> None:
        """Set the vocabulary to words, in their order, and the length of sequences."""
        learned: dict[str, Any] = {"vocabulary_": ids_of(words), "_entries": (*MARKERS, *words)}
        if n_tokens is not None:
            learned["n_tokens_"] = n_tokens
        self.__dict__ = {**vars(self), **learned}  # in one step, for threads that transform

    def _check_vocabulary(self) -> None:
        """Raise if there is no vocabulary, neither learned nor given."""
        if self.vocabulary is not None and not hasattr(self, "_entries"):
            self._validate_params()
            self._set_vocabulary(given_words(self), self.max_len)
        check_is_fitted(self)

    def _layout(self, sequence_length: int) -> Layout:
        return Layout(sequence_length, self.padding, self.truncating)

    def _buffer(self, chunks: Iterator[Chunk]) -> Iterable[Chunk]:
        """Return chunks that can be iterated again, without tokens that are sure to be cut off."""
        if self.max_len is not None:
            chunks = truncate(chunks, self._layout(self.max_len))
        return buffer_chunks(chunks, self.memmap_dir)

    def _sequences(self, chunks: Iterable[Chunk]) -> TokenSequences:
        rows = to_padded_rows(chunks, self._layout(self.n_tokens_), self.memmap_dir)
        margin = PaddingMargin(self.n_tokens_, self.padding)
        return TokenSequences._of_rows(rows, self._entries, None, margin)


def _check_array_of_ids(who: str, X: Any) -> NDArray[Any]:
    values = as_array(who, X)
    check_numbers(who, values)
    return whole_numbers(who, check_array(values, input_name="X", estimator=who))


def _discard(chunks: Iterable[Chunk]) -> None:
    for _ in chunks:
        pass
