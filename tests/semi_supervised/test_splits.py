"""Texts without a label are in all training parts, and in no part that is held out."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, LeaveOneOut, ShuffleSplit

from sklearn_rnn.semi_supervised import LabelledSplit

Y = np.array(["a", "", "b", "", "a", "b", "", "a", "b", ""])
LABELLED = np.flatnonzero(Y != "")
SPLITTERS = {
    "a number": 3,
    "shuffled": ShuffleSplit(4, random_state=0),
    "one by one": LeaveOneOut(),
    "iterable": [([0, 1, 2], [3, 4, 5])],
}


@pytest.mark.parametrize("cv", SPLITTERS.values(), ids=SPLITTERS)
def test_only_labelled_texts_are_held_out_and_all_others_are_learned_from(cv):
    splits = list(LabelledSplit(cv).split(Y, Y))
    assert len(splits) == LabelledSplit(cv).get_n_splits(Y, Y)
    for train, test in splits:
        assert np.isin(test, LABELLED).all()
        assert np.isin(np.flatnonzero(Y == ""), train).all()
        assert not np.intersect1d(train, test).size


def test_a_number_of_folds_is_stratified_and_holds_out_each_labelled_text_once():
    tests = [test for _, test in LabelledSplit(3).split(Y, Y)]
    assert sorted(np.concatenate(tests)) == LABELLED.tolist()
    assert all(sorted(Y[test]) == ["a", "b"] for test in tests)


def test_groups_stay_together():
    groups = np.arange(10) % 3
    for train, test in LabelledSplit(GroupKFold(3)).split(Y, Y, groups):
        assert not np.intersect1d(groups[np.intersect1d(train, LABELLED)], groups[test]).size


def test_it_shows_what_it_is():
    assert repr(LabelledSplit(3)) == "LabelledSplit(cv=3)"
