"""Word vectors for the sequences of a pipeline: learned with gensim, or pretrained.

gensim is an optional dependency (``pip install sklearn-rnn[embeddings]``), imported when an
embedding is fitted. A fitted embedding contains none of its objects, only a table of vectors.
"""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import _fit_context, clone
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions

from ._utils.snapshots import commit_on_success, on_snapshot
from ._utils.validation import seed_from
from ._vectors.base import EmbeddingStep, check_sequences
from ._vectors.coverage import coverage_of, warn_if_few
from ._vectors.file_source import SubwordLookup
from ._vectors.gensim_training import Trained
from ._vectors.lookup import load_vectors, source_name
from ._vectors.trained import TrainedEmbedding, fill, positive
from ._vectors.word_table import WordTable
from .sequences import PADDING, UNKNOWN, TokenSequences

__all__ = ["FastTextEmbedding", "PretrainedEmbedding", "Word2VecEmbedding"]


@fill
class Word2VecEmbedding(TrainedEmbedding):
    """Word vectors learned by word2vec.

    A step between a :class:`~sklearn_rnn.text.SequenceVectorizer` and a final estimator:
    learns a vector for each word from the words around it, and attaches a table of them to the
    sequences. Labels are not needed.

    Parameters
    ----------
    {common}
    {training}

    Attributes
    ----------
    {attributes}
    loss_ : ndarray of float64 of shape (epochs,)
        gensim's training loss, summed over each epoch.

    See Also
    --------
    FastTextEmbedding : Vectors that also use the character n-grams of a word.

    References
    ----------
    T. Mikolov, K. Chen, G. Corrado and J. Dean (2013), "Efficient Estimation of Word
    Representations in Vector Space".

    Examples
    --------
    >>> from sklearn_rnn import SequenceVectorizer
    >>> from sklearn_rnn.embeddings import Word2VecEmbedding
    >>> sequences = SequenceVectorizer().fit_transform(["so good", "so bad"] * 20)
    >>> embedding = Word2VecEmbedding(vector_size=8, random_state=0)
    >>> embedding.fit_transform(sequences)
    <TokenSequences: 40 texts x 500 tokens, 5 vocabulary entries, 8-d vectors>
    """

    _model = "Word2Vec"

    def __init__(
        self,
        *,
        vector_size: int = 100,
        window: int = 5,
        min_count: int = 1,
        sg: bool = True,
        negative: int = 5,
        sample: float = 1e-3,
        alpha: float = 0.025,
        epochs: int = 5,
        workers: int = 1,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.vector_size = vector_size
        self.window = window
        self.min_count = min_count
        self.sg = sg
        self.negative = negative
        self.sample = sample
        self.alpha = alpha
        self.epochs = epochs
        self.workers = workers
        self.random_state = random_state
        self.verbose = verbose


@fill
class FastTextEmbedding(TrainedEmbedding):
    """Word vectors learned by fastText, which also use the character n-grams of a word.

    Like :class:`Word2VecEmbedding`, for languages with many forms of a word, and for texts
    with many misspelled ones.

    Parameters
    ----------
    {common}
    min_n : int, default=3
        Length of the shortest character n-grams.
    max_n : int, default=6
        Length of the longest character n-grams.
    bucket : int, default=200_000
        Number of vectors that all n-grams share by hashing. gensim's own default, ten times as
        many, takes 0.8 GB at 100 dimensions.
    keep_subwords : bool, default=False
        Also keep the vectors of the n-grams, so that ``PretrainedEmbedding(oov="subword")`` can
        make vectors of words that do not occur in these texts. They are saved with a model, and
        are usually larger than all the rest of it.
    {training}

    Attributes
    ----------
    {attributes}
    loss_ : ndarray of float64 of shape (epochs,)
        NaN: gensim does not compute fastText's loss.
    subword_vectors_ : ndarray of float32 of shape (bucket, vector_size) or None
        Vectors of the n-grams by their hash; None unless `keep_subwords`.

    See Also
    --------
    Word2VecEmbedding : Vectors of whole words.

    References
    ----------
    P. Bojanowski, E. Grave, A. Joulin and T. Mikolov (2017), "Enriching Word Vectors with
    Subword Information".

    Examples
    --------
    >>> from sklearn_rnn import SequenceVectorizer
    >>> from sklearn_rnn.embeddings import FastTextEmbedding
    >>> sequences = SequenceVectorizer().fit_transform(["so good", "so bad"] * 20)
    >>> embedding = FastTextEmbedding(vector_size=8, bucket=1_000, random_state=0)
    >>> embedding.fit_transform(sequences)
    <TokenSequences: 40 texts x 500 tokens, 5 vocabulary entries, 8-d vectors>
    """

    _model = "FastText"

    def __init__(
        self,
        *,
        vector_size: int = 100,
        window: int = 5,
        min_count: int = 1,
        sg: bool = True,
        negative: int = 5,
        sample: float = 1e-3,
        alpha: float = 0.025,
        epochs: int = 5,
        min_n: int = 3,
        max_n: int = 6,
        bucket: int = 200_000,
        keep_subwords: bool = False,
        workers: int = 1,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.vector_size = vector_size
        self.window = window
        self.min_count = min_count
        self.sg = sg
        self.negative = negative
        self.sample = sample
        self.alpha = alpha
        self.epochs = epochs
        self.min_n = min_n
        self.max_n = max_n
        self.bucket = bucket
        self.keep_subwords = keep_subwords
        self.workers = workers
        self.random_state = random_state
        self.verbose = verbose

    _parameter_constraints = {
        **TrainedEmbedding._parameter_constraints,
        "min_n": [positive],
        "max_n": [positive],
        "bucket": [positive],
        "keep_subwords": ["boolean"],
    }

    def _settings(self) -> dict[str, Any]:
        if self.min_n > self.max_n:
            raise ValueError(
                f"FastTextEmbedding: min_n must not be above max_n, got min_n={self.min_n} and "
                f"max_n={self.max_n}. Word2VecEmbedding learns without n-grams."
            )
        return super()._settings()

    def _set_vectors(self, trained: Trained) -> None:
        super()._set_vectors(trained)
        self.subword_vectors_ = trained.subword_vectors if self.keep_subwords else None


class PretrainedEmbedding(EmbeddingStep):
    """Pretrained word vectors: from a file, from memory, or from another model's embedding.

    For transfer learning, train any pipeline of this library on a large data set, keep only
    its embedding layer, ``PretrainedEmbedding(source=that_pipeline)``, and train a new model
    on top of it, usually with ``freeze_embedding=True``.

    A word is looked up as it is spelled, then in lower case, then capitalized: files of cased
    vectors serve a lower-case vocabulary. Accents may be composed (NFC) or not (NFD), in the
    source and in the vocabulary.

    Parameters
    ----------
    source : path, dict, pair, DataFrame, gensim vectors, or fitted estimator or pipeline, \
default=None
        Where the vectors come from. A path names a file in GloVe's text, word2vec's text
        (``.vec``) or word2vec's binary format, plain or gzipped, GloVe's ``.zip`` (stored or
        deflated), or gensim's own ``.kv``, which is a pickle underneath: open it only if you
        trust it. A dict maps words to vectors. A pair is a list of words and the table of their
        vectors in the same order, or a dict of words to rows (Keras' ``word_index``) and the
        table; there, words with zeros count as missing. A DataFrame has words as its index. Of a
        search, the best pipeline is used. The source is not copied, and `clone` shares it. A
        fitted embedding is saved without it unless it is a path: only with the words that were
        found.
    oov : {"zero", "mean", "random", "subword"}, default="zero"
        Vectors of words that the source does not have, and of the unknown token: zeros, the
        mean of the vectors found, random ones of their spread, or the mean vector of a word's
        character n-grams (if the source is a fastText model: gensim's, or a `FastTextEmbedding`
        with `keep_subwords`; the unknown token, which has no n-grams, gets zeros).
    random_state : int, RandomState instance or None, default=None
        Random seed of ``oov="random"``.

    Attributes
    ----------
    vectors_ : ndarray of float32 of shape (n_entries, n_dimensions)
        Vectors by id. Padding has zeros.
    vocabulary_ : tuple of str
        Tokens by id.
    found_ : ndarray of bool of shape (n_entries,)
        Which words the source has.
    coverage_ : Bunch
        ``words`` and ``tokens``, the shares of the vocabulary and of its running tokens whose
        vectors were found, ``missing``, the most frequent words without one, and
        ``missing_counts``, how often each of them occurs in the texts.
    token_coverage_ : float
        The share of running tokens whose vectors were found.

    See Also
    --------
    Word2VecEmbedding : Learns vectors from the texts at hand.

    Examples
    --------
    >>> from sklearn_rnn import SequenceVectorizer
    >>> from sklearn_rnn.embeddings import PretrainedEmbedding, Word2VecEmbedding
    >>> large = SequenceVectorizer().fit_transform(["so good", "so bad"] * 20)
    >>> source = Word2VecEmbedding(vector_size=8, random_state=0).fit(large)
    >>> small = SequenceVectorizer().fit_transform(["so bad, so sad"])
    >>> embedding = PretrainedEmbedding(source).fit(small)
    >>> embedding.coverage_.missing
    ['sad']
    """

    coverage_: Bunch
    _parameter_constraints = {
        "source": "no_validation",
        "oov": [StrOptions({"zero", "mean", "random", "subword"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        source: Any = None,
        *,
        oov: str = "zero",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.source = source
        self.oov = oov
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: TokenSequences, y: Any = None) -> Self:
        """Look up a vector for each word of the vocabulary.

        Parameters
        ----------
        X : TokenSequences of shape (n_texts, n_tokens)
            The texts whose words are looked up.
        y : None
            Ignored.

        Returns
        -------
        PretrainedEmbedding
            The fitted embedding.

        Raises
        ------
        TypeError
            If X is not a `TokenSequences`, or the source is of no known kind.
        ValueError
            If the source is damaged, has no word in common with the vocabulary (nor n-grams of
            one), or has no subwords although ``oov="subword"``.
        """
        who = type(self).__name__
        sequences = check_sequences(who, X)
        table = WordTable(sequences.vocabulary)
        subword_vector = load_vectors(who, self.source, table, table.add)
        if self.oov == "subword" and subword_vector is None:
            raise ValueError(
                f'{who}: oov="subword" needs a fastText model as source: gensim\'s, or a '
                f"FastTextEmbedding with keep_subwords=True. Got {source_name(self.source)}. "
                "Pass one, or another oov."
            )
        has_vector = self._fill(table, subword_vector)
        if not has_vector.any():
            raise ValueError(
                f"{who}: the source, {source_name(self.source)}, has no word in common with the "
                f"{len(table.words) - 2} words of the vocabulary. Is it of another language, or "
                "another kind of file?"
            )
        table.vectors.flags.writeable = False
        with commit_on_success(self) as fitted:
            fitted.vectors_, fitted.found_ = table.vectors, table.found
            fitted.vocabulary_ = sequences.vocabulary
            fitted.coverage_ = coverage_of(sequences, table.found)
            warn_if_few(who, coverage_of(sequences, has_vector))
        return self

    def _fill(self, table: WordTable, subword_vector: SubwordLookup | None) -> NDArray[np.bool_]:
        """Give words that the source does not have vectors by the policy `oov`.

        Returns
        -------
        ndarray of bool of shape (V,)
            Which words have a vector of their own, from the source or made of their n-grams.
        """
        missing = np.flatnonzero(~table.found)[PADDING + 1 :]  # padding stays zero
        if self.oov == "subword" and subword_vector is not None:
            return table.found | table.add_from_subwords(
                missing[missing > UNKNOWN], subword_vector
            )
        if self.oov != "zero" and table.found.any():
            noise = np.random.default_rng(seed_from(self.random_state))
            table.fill(missing, self.oov, noise)
        return table.found

    @property
    def token_coverage_(self) -> float:
        """The share of running tokens whose vectors were found."""
        return float(self.coverage_.tokens)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, without those of the source: they are not tuned here.

        Parameters
        ----------
        deep : bool, default=True
            Ignored.

        Returns
        -------
        dict
            Parameters by name.
        """
        return super().get_params(deep=False)

    def __sklearn_clone__(self) -> PretrainedEmbedding:
        """Share the source: to clone a fitted model would give an unfitted one."""
        others = {name: clone(value, safe=False) for name, value in self._other_params().items()}
        return type(self)(self.source, **others)

    def _other_params(self) -> dict[str, Any]:
        return {name: value for name, value in self.get_params().items() if name != "source"}

    @on_snapshot
    def __getstate__(self) -> dict[str, Any]:
        """Drop a source in memory once its vectors are here: a file needs no gensim object.

        It is replaced by an embedding of the words that were found, which can be fitted again.
        """
        state = super().__getstate__()
        is_dropped = self.source is not None and not isinstance(self.source, str | os.PathLike)
        if is_dropped and "vectors_" in state:
            state["source"] = source = type(self)(**self._other_params())
            source.__dict__.update({k: v for k, v in vars(self).items() if k.endswith("_")})
        if "coverage_" in state:
            state["coverage_"] = dict(state["coverage_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "coverage_"):
            self.coverage_ = Bunch(**self.coverage_)
