"""What a file may name: functions and types that are trusted."""

import re
import sys

import joblib
import pytest

from sklearn_rnn import (
    SequenceVectorizer,
    persistence,
)
from sklearn_rnn.exceptions import ModelFileError
from small_models import MODELS

skops = pytest.importorskip("skops.io")

PATTERN = re.compile(r"\w+")


@pytest.mark.parametrize("kind", MODELS)
def test_what_is_to_be_trusted_is_of_this_library(models, kind):
    untrusted = skops.get_untrusted_types(data=skops.dumps(models[kind]))
    assert set(untrusted) <= set(persistence.trusted_types())


def test_the_trusted_types_are_there(models):
    """A name that nothing has could be anybody's tomorrow."""
    for name in persistence.trusted_types():
        module, _, attribute = name.rpartition(".")
        __import__(module)
        assert callable(getattr(sys.modules[module], attribute))


def test_a_function_is_named_and_must_be_trusted(path, words_module):
    vectorizer = SequenceVectorizer(tokenizer=words_module.cut, token_pattern=None)
    persistence.save(vectorizer.fit(["我 喜歡 電影"]), path)
    with pytest.raises(ModelFileError, match=r"my_words.cut.*name them in trusted="):
        persistence.load(path)
    loaded = persistence.load(path, trusted=["my_words.cut"])
    assert loaded.tokenizer is words_module.cut
    joblib.dump(vectorizer, path)
    assert joblib.load(path).tokenizer is words_module.cut


def test_trusted_names_are_a_list(path):
    with pytest.raises(TypeError, match=r"expected a list of names in trusted=, got a str"):
        persistence.load(path, trusted="my_words.cut")


@pytest.mark.parametrize("tokenizer", [str.split, PATTERN.findall], ids=["str.split", "bound"])
def test_a_method_cannot_be_named_in_a_file(path, tokenizer):
    with pytest.raises((ModelFileError, TypeError)):
        persistence.save(SequenceVectorizer(tokenizer=tokenizer), path)
    assert not path.exists()
