"""The IMDB reviews of Maas et al. (2011), in the form of scikit-learn's fetchers."""

from collections.abc import Collection, Iterable, Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from sklearn.datasets import get_data_home
from sklearn.utils import Bunch

from ..exceptions import DatasetError
from ._download import download
from ._imdb_files import ARCHIVES, FOLDER, Review, find_reviews, read_reviews

__all__ = ["fetch_imdb"]

_URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
_MD5 = "7c2ac02c03563afcf9b574c7e56c153a"

# The folders of each subset, in the order in which their reviews are returned.
_SUBSETS = {
    "train": ("train/neg", "train/pos"),
    "test": ("test/neg", "test/pos"),
    "unsupervised": ("train/unsup",),
}
_TARGETS = {"neg": 0, "pos": 1, "unsup": -1}
_PUBLISHED = {"neg": 12_500, "pos": 12_500, "unsup": 50_000}

_DESCR = """\
The Large Movie Review Dataset (IMDB)
-------------------------------------

English film reviews from the Internet Movie Database, at most 30 per film; the films of the
train and the test reviews are different ones. Texts are as published: raw, with HTML line
breaks ``<br />``.

==============  =======  ======  ===============================================
subset          reviews  target  rating
==============  =======  ======  ===============================================
train            12,500       0  1 to 4 stars (negative)
train            12,500       1  7 to 10 stars (positive)
test             12,500       0  1 to 4 stars (negative)
test             12,500       1  7 to 10 stars (positive)
unsupervised     50,000      -1  not given: 0 (any number of stars)
==============  =======  ======  ===============================================

Source: https://ai.stanford.edu/~amaas/data/sentiment/

Maas, A. L., Daly, R. E., Pham, P. T., Huang, D., Ng, A. Y. and Potts, C. (2011). Learning word
vectors for sentiment analysis. Proceedings of the 49th Annual Meeting of the Association for
Computational Linguistics: Human Language Technologies, 142-150.
"""


def fetch_imdb(
    data_home: str | PathLike[str] | None = None,
    *,
    subset: str | Sequence[str] = ("train", "test", "unsupervised"),
    download_if_missing: bool = True,
    verbose: int = 0,
) -> Bunch:
    """Load the IMDB film reviews, downloading them if necessary.

    Reads 100,000 reviews in one pass, without extracting anything, so `data_home` may be
    read-only once the data are there. The download is 84 MB; the texts take 132 MB of memory.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder that contains `aclImdb_v1.tar`, `aclImdb_v1.tar.gz`, `aclImdb_v1.tar.xz` or
        the unpacked folder `aclImdb` (looked for in this order), or the unpacked folder itself.
        The download goes here. By default scikit-learn's data folder,
        :func:`sklearn.datasets.get_data_home`.
    subset : {"train", "test", "unsupervised"} or sequence of these, \
            default=("train", "test", "unsupervised")
        What to load. Leaving out the unsupervised half saves half of the memory.
    download_if_missing : bool, default=True
        Whether to download missing data. If False, raise an error instead.
    verbose : int, default=0
        Whether to show progress bars (1) or nothing (0).

    Returns
    -------
    Bunch
        Dictionary-like object with these attributes:

        train, test, unsupervised : Bunch
            One for each name in `subset`, each with

            data : list of str, of length n
                The raw texts, with their ``<br />``.
            target : ndarray of shape (n,), dtype int64
                0 for negative, 1 for positive reviews; -1 for unsupervised ones, which is
                scikit-learn's mark for unlabelled samples.
            rating : ndarray of shape (n,), dtype int64
                Stars, from 1 to 10; 0, as in their file names, for unsupervised reviews.
            filenames : ndarray of shape (n,), dtype str
                Paths within the unpacked folder, such as ``"train/neg/0_3.txt"``.

        target_names : list of str
            ``["negative", "positive"]``.
        DESCR : str
            The data set's description.

        Negative reviews come before positive ones, both sorted by the number in the file name.

    Raises
    ------
    DatasetError
        If the data are missing, incomplete, damaged or unsafe to unpack, if an archive would
        take far more memory than its size, or a review more than a megabyte, or if the download
        fails (which leaves no file behind). It is an `OSError`.
    ValueError
        If `subset` has other names.

    References
    ----------
    .. [1] Maas, A. L., Daly, R. E., Pham, P. T., Huang, D., Ng, A. Y. and Potts, C. (2011).
       "Learning word vectors for sentiment analysis". Proceedings of the 49th Annual Meeting
       of the Association for Computational Linguistics: Human Language Technologies, 142-150.

    Examples
    --------
    >>> from sklearn_rnn.datasets import fetch_imdb
    >>> imdb = fetch_imdb(subset=("train", "test"))  # doctest: +SKIP
    >>> len(imdb.train.data)  # doctest: +SKIP
    25000
    >>> imdb.train.target[:3], imdb.train.rating[:3]  # doctest: +SKIP
    (array([0, 0, 0]), array([3, 1, 1]))
    """
    subsets = _check_subset(subset)
    home = Path(get_data_home() if data_home is None else data_home).expanduser()
    source = find_reviews(home) or _download_reviews(home, download_if_missing, verbose)
    by_folder = _read_sorted(
        source, [folder for name in subsets for folder in _SUBSETS[name]], verbose
    )
    return Bunch(
        **{name: _bunch(by_folder[folder] for folder in _SUBSETS[name]) for name in subsets},
        target_names=["negative", "positive"],
        DESCR=_DESCR,
    )


def _check_subset(subset: str | Sequence[str]) -> list[str]:
    names = [subset] if isinstance(subset, str) else list(dict.fromkeys(subset))
    if not names or not set(names) <= set(_SUBSETS):
        raise ValueError(
            f"fetch_imdb: subset: expected some of {', '.join(_SUBSETS)}, got {subset!r}."
        )
    return names


def _download_reviews(home: Path, download_if_missing: bool, verbose: int) -> Path:
    if not download_if_missing:
        raise DatasetError(
            f"fetch_imdb: expected {', '.join(ARCHIVES)} or the folder {FOLDER} in '{home}', "
            f"found none of them. Put one there, or let download_if_missing be True."
        )
    file = home / "aclImdb_v1.tar.gz"
    return download(_URL, _MD5, file, caller="fetch_imdb", progress=verbose > 0)


def _read_sorted(source: Path, folders: Collection[str], verbose: int) -> dict[str, list[Review]]:
    """Read the reviews of each folder, sorted by number; no folder may be empty."""
    reviews = _with_progress(read_reviews(source, folders), folders, verbose)
    # By file name: a later member replaces an earlier one, as when unpacking.
    by_name = {review.filename: review for review in reviews}
    by_folder: dict[str, list[Review]] = {folder: [] for folder in folders}
    for review in sorted(by_name.values(), key=lambda review: (review.number, review.rating)):
        by_folder[review.folder].append(review)
    if empty := [folder for folder, found in by_folder.items() if not found]:
        raise DatasetError(
            f"fetch_imdb: '{source}': expected reviews in each of {', '.join(folders)}, "
            f"got none in {', '.join(empty)}. Replace it by the published data."
        )
    return by_folder


def _with_progress(
    reviews: Iterable[Review], folders: Iterable[str], verbose: int
) -> Iterable[Review]:
    from tqdm.auto import tqdm

    total = sum(_PUBLISHED[_kind(folder)] for folder in folders)
    bar: Iterable[Review] = tqdm(
        reviews, "Reading IMDB", total, unit=" reviews", disable=verbose <= 0
    )
    return bar


def _bunch(folders: Iterable[list[Review]]) -> Bunch:
    reviews = [review for folder in folders for review in folder]
    targets = [_TARGETS[_kind(review.folder)] for review in reviews]
    return Bunch(
        data=[review.text for review in reviews],
        target=np.array(targets, dtype=np.int64),
        rating=np.array([review.rating for review in reviews], dtype=np.int64),
        filenames=np.array([review.filename for review in reviews]),
    )


def _kind(folder: str) -> str:
    return folder.rpartition("/")[2]
