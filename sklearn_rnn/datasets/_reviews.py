"""Film reviews generated from a small grammar: a task that needs word order and memory."""

import re
from collections.abc import Mapping, Sequence
from numbers import Integral
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from ._grammar import FILLERS, OPINIONS, SHARES, SWAPPED, WORDS

__all__ = ["make_reviews"]

_LABELS = np.array(["negative", "positive"])
_KINDS = tuple(OPINIONS)
_KIND_SHARES = tuple(SHARES[kind] for kind in _KINDS)

Texts = list[str]
Labels = NDArray[np.str_]
Spans = NDArray[np.int64]

_Choice = TypeVar("_Choice")


class _Review(NamedTuple):
    text: str
    start: int
    stop: int


@overload
def make_reviews(
    n_samples: int = ...,
    *,
    n_filler: tuple[int, int] = ...,
    return_spans: Literal[False] = ...,
    random_state: int | np.random.RandomState | None = ...,
) -> tuple[Texts, Labels]: ...


@overload
def make_reviews(
    n_samples: int = ...,
    *,
    n_filler: tuple[int, int] = ...,
    return_spans: Literal[True],
    random_state: int | np.random.RandomState | None = ...,
) -> tuple[Texts, Labels, Spans]: ...


def make_reviews(
    n_samples: int = 100,
    *,
    n_filler: tuple[int, int] = (3, 8),
    return_spans: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[Texts, Labels] | tuple[Texts, Labels, Spans]:
    """Generate film reviews whose sentiment depends on word order, far from their end.

    One sentence of each review says what its writer thinks: plainly ("I loved the film"), by
    negation ("never dull") or in contrast to somebody else ("my friend hated it, but I loved
    it"). Neutral sentences about plot, cast and cinema follow it, and may precede it. So a bag of
    words is right in two of three cases, and a model that reads words in order has to remember
    what it read early on.

    Parameters
    ----------
    n_samples : int, default=100
        The number of reviews.
    n_filler : tuple of (int, int), default=(3, 8)
        The minimum and maximum number of neutral sentences, of 8 to 17 words each, that follow
        the deciding sentence. By default, reviews have about 30 to 120 words.
    return_spans : bool, default=False
        Whether to also return where the deciding words are.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same reviews every time. None gives different ones each time, and
        leaves NumPy's global generator alone.

    Returns
    -------
    texts : list of str, of length n_samples
        The reviews.
    labels : ndarray of shape (n_samples,), dtype str
        ``"negative"`` or ``"positive"``, the same number of each; one more negative if
        `n_samples` is odd.
    spans : ndarray of shape (n_samples, 2), dtype int64
        Only if `return_spans`: the deciding words of ``texts[i]`` are
        ``texts[i][spans[i, 0]:spans[i, 1]]``.

    Raises
    ------
    ValueError
        If `n_samples` is not a positive integer, or `n_filler` not a range of integers from 0.

    Examples
    --------
    >>> from sklearn_rnn.datasets import make_reviews
    >>> texts, labels, spans = make_reviews(
    ...     4, n_filler=(1, 1), return_spans=True, random_state=0
    ... )
    >>> texts[2][:47]
    'My sister found it dull, but I found it clever.'
    >>> for text, label, (start, stop) in zip(texts, labels, spans):
    ...     print(f"{label}: {text[start:stop]}")
    negative: never moving
    positive: I admired
    positive: I found it clever
    negative: hardly wonderful
    """
    _check_parameters(n_samples, n_filler)
    rng = _generator(random_state)
    targets = rng.permutation(np.arange(n_samples) % 2)
    reviews = [_make_review(bool(target), n_filler, rng) for target in targets]
    texts, labels = [review.text for review in reviews], _LABELS[targets]
    if not return_spans:
        return texts, labels
    return texts, labels, np.array([(r.start, r.stop) for r in reviews], dtype=np.int64)


def _check_parameters(n_samples: int, n_filler: tuple[int, int]) -> None:
    if not (isinstance(n_samples, Integral) and n_samples >= 1):
        raise ValueError(
            f"make_reviews: n_samples: expected a positive integer, got {n_samples!r}."
        )
    is_pair = isinstance(n_filler, Sequence) and len(n_filler) == 2
    if not (
        is_pair
        and all(isinstance(bound, Integral) for bound in n_filler)
        and 0 <= n_filler[0] <= n_filler[1]
    ):
        raise ValueError(
            f"make_reviews: n_filler: expected integers (least, greatest) with "
            f"0 <= least <= greatest, got {n_filler!r}."
        )


def _generator(random_state: int | np.random.RandomState | None) -> np.random.RandomState:
    # check_random_state(None) is NumPy's global generator, which must not be advanced here.
    own = np.random.RandomState() if random_state is None else random_state
    rng: np.random.RandomState = check_random_state(own)
    return rng


def _make_review(positive: bool, n_filler: tuple[int, int], rng: np.random.RandomState) -> _Review:
    """Put the opinion first or second, and neutral sentences everywhere else."""
    kind = rng.choice(_KINDS, p=_KIND_SHARES)
    opinion = _fill_in(_pick(OPINIONS[kind], rng), rng, swapped={} if positive else SWAPPED)
    n_before, n_after = _pick(range(2), rng), _pick(range(n_filler[0], n_filler[1] + 1), rng)
    fillers = [_fill_in(_pick(FILLERS, rng), rng) for _ in range(n_before + n_after)]
    return _extract_span(" ".join([*fillers[:n_before], opinion, *fillers[n_before:]]))


def _fill_in(
    template: str, rng: np.random.RandomState, swapped: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Replace each ``{name}`` in `template` with one of its words."""
    return re.sub(r"{(\w+)}", lambda m: _pick(WORDS[swapped.get(m[1], m[1])], rng), template)


def _pick(choices: Sequence[_Choice], rng: np.random.RandomState) -> _Choice:
    return choices[int(rng.random_sample() * len(choices))]  # ten times faster than rng.choice


def _extract_span(marked: str) -> _Review:
    """Remove the square brackets around the deciding words, and return their span."""
    before, clue, after = re.split(r"[][]", marked)
    return _Review(before + clue + after, len(before), len(before) + len(clue))
