"""What tests of saved models share."""

import importlib
import sys

import pytest


@pytest.fixture
def model(models):
    return models["classifier"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


@pytest.fixture
def words_module(tmp_path, monkeypatch):
    """A module of the user's with a tokenizer."""
    (tmp_path / "my_words.py").write_text(
        "import jieba\n\ndef cut(text):\n    return jieba.lcut(text)\n", "utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("my_words")
    del sys.modules["my_words"]
