"""Fits that stop and go on."""

import numpy as np
import pytest


class DiskError(Exception):
    """What a broken disk may raise."""


def interrupted(model, X, y, breaks_after, n_epochs=2):
    """Return the model, fitted in two parts."""
    breaks_after(n_epochs)
    with pytest.raises(DiskError):
        model.fit(X, y)
    breaks_after(None)
    return model.fit(X, y)


def assert_same(ours, theirs, X):
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_array_equal(ours.transform(X), theirs.transform(X))
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.history_.keys() == theirs.history_.keys()
    for name in ours.history_.keys() - {"dur"}:
        np.testing.assert_array_equal(ours.history_[name], theirs.history_[name])
    weights, expected = (m.net_.module_.state_dict() for m in (ours, theirs))
    assert all((weights[name] == expected[name]).all() for name in expected)
