"""The errors are the tree that their module draws, and what scikit-learn's users catch."""

import builtins
import pickle
import re

import pytest

from sklearn_rnn import exceptions

DRAWN = re.findall(r"[├└]── (\w+) \((\w+)\)", exceptions.__doc__)


def test_all_errors_are_drawn_and_exported():
    assert sorted(exceptions.__all__) == sorted(["SklearnRNNError", *dict(DRAWN)])
    defined = {name for name, thing in vars(exceptions).items() if isinstance(thing, type)}
    assert defined == set(exceptions.__all__)


@pytest.mark.parametrize(("name", "base"), DRAWN)
def test_an_error_is_this_librarys_and_the_one_that_it_is_drawn_with(name, base):
    error = getattr(exceptions, name)
    assert error.__bases__ == (exceptions.SklearnRNNError, getattr(builtins, base))
    assert error.__doc__


@pytest.mark.parametrize("name", exceptions.__all__)
def test_an_error_of_another_process_keeps_its_message(name):
    error = pickle.loads(pickle.dumps(getattr(exceptions, name)("what was wrong")))
    assert type(error).__name__ == name
    assert str(error) == "what was wrong"
