"""What `fetch_imdb` promises of the reviews."""

import numpy as np
import pytest

from imdb_archives import (
    SUFFIXES,
    as_plain,
    without,
    write_archive,
    write_archive_in,
    write_folder,
)
from paths import SHARED_DATA
from sklearn_rnn.datasets import fetch_imdb
from sklearn_rnn.exceptions import SklearnRNNError

REAL = SHARED_DATA / "imdb"


def test_every_form_of_the_data_gives_the_same_bunch(tmp_path):
    homes = [write_archive_in(tmp_path / mode[-2:], mode) for mode in SUFFIXES]
    unpacked = write_folder(tmp_path / "unpacked" / "aclImdb")
    bunches = [
        as_plain(fetch_imdb(home, download_if_missing=False))
        for home in (*homes, unpacked.parent, unpacked, str(unpacked))
    ]
    assert all(bunch == bunches[0] for bunch in bunches)


def test_reviews_come_negative_first_and_by_number(home):
    write_archive(home)
    imdb = fetch_imdb(home)
    assert imdb.train.data == ["Boo", "Zzz", "Très bien", "Bravo!<br /><br />Encore."]
    assert imdb.train.target.tolist() == [0, 0, 1, 1]
    assert imdb.train.rating.tolist() == [1, 4, 10, 9]
    assert imdb.train.filenames.tolist() == [
        "train/neg/2_1.txt",
        "train/neg/11_4.txt",
        "train/pos/9_10.txt",
        "train/pos/10_9.txt",
    ]
    assert imdb.test.data == ["", "x" * 1024]
    assert imdb.target_names == ["negative", "positive"]
    assert "Maas" in imdb.DESCR


def test_unsupervised_reviews_are_marked_unlabelled(home):
    write_archive(home)
    unsupervised = fetch_imdb(home).unsupervised
    assert unsupervised.data == ["Who knows?"]
    assert unsupervised.target.tolist() == [-1]
    assert unsupervised.rating.tolist() == [0]


@pytest.mark.parametrize("subset", ["test", ["test"]])
def test_subset_loads_only_what_was_asked_for(home, subset):
    write_folder(home / "aclImdb", without("train"))
    assert set(fetch_imdb(home, subset=subset)) == {"test", "target_names", "DESCR"}


@pytest.mark.parametrize("subset", ["all", ["train", "dev"], []])
def test_unknown_subset_is_refused(home, subset):
    with pytest.raises(ValueError, match=r"fetch_imdb: subset: expected some of train, test"):
        fetch_imdb(home, subset=subset)


def test_data_home_needs_no_writing(home):
    write_archive(home)
    home.chmod(0o555)
    assert len(fetch_imdb(home).train.data) == 4
    assert len(list(home.iterdir())) == 1


def test_default_is_the_data_folder_of_scikit_learn(home, monkeypatch):
    write_archive(home)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(home))
    assert len(fetch_imdb().train.data) == 4


def test_missing_data_are_an_os_error_that_says_what_to_do(tmp_path):
    with pytest.raises(OSError, match=r"found none of them\. Put one there") as caught:
        fetch_imdb(tmp_path / "nowhere", download_if_missing=False)
    assert isinstance(caught.value, SklearnRNNError)
    assert not (tmp_path / "nowhere").exists()


@pytest.fixture(scope="module")
def real():
    if not REAL.is_dir():
        pytest.skip(f"the published reviews are not in {REAL}")
    return fetch_imdb(REAL, download_if_missing=False)


# One test, so that parallel workers do not each read 100,000 reviews.
def test_published_reviews_are_complete_and_balanced(real):
    sizes = {name: len(real[name].data) for name in ("train", "test", "unsupervised")}
    assert sizes == {"train": 25_000, "test": 25_000, "unsupervised": 50_000}
    for labelled in (real.train, real.test):
        assert np.bincount(labelled.target).tolist() == [12_500, 12_500]
        assert set(labelled.rating[labelled.target == 0]) == {1, 2, 3, 4}
        assert set(labelled.rating[labelled.target == 1]) == {7, 8, 9, 10}
    assert set(real.unsupervised.target) == {-1}
    assert set(real.unsupervised.rating) == {0}
    assert real.train.filenames[[0, -1]].tolist() == ["train/neg/0_3.txt", "train/pos/12499_7.txt"]
    assert any("<br />" in text for text in real.train.data)
    assert not any(text.isspace() or not text for text in real.train.data)
