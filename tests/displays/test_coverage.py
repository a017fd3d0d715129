"""The bars of the coverage are the words without a vector."""

import re

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from pages import table_rows
from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.displays import CoverageDisplay
from sklearn_rnn.embeddings import PretrainedEmbedding
from small_models import THREE_EPOCHS


def test_the_bars_of_the_coverage_are_the_missing_words(tmp_path):
    source = tmp_path / "vectors.txt"
    source.write_text("good 1 2\nfilm 3 4\n", encoding="utf-8")
    embedding = PretrainedEmbedding(source)
    texts = ["good film"] * 8 + ["odd odd night"]
    pipeline = make_pipeline(SequenceVectorizer(), embedding, RNNTextClassifier(**THREE_EPOCHS))
    pipeline.fit(texts, np.arange(9) % 2)
    display = CoverageDisplay.from_estimator(pipeline)
    assert (display.missing, display.counts) == (["odd", "night"], [2, 1])
    assert [bar.get_width() for bar in display.ax_.patches] == [2, 1]
    assert display.tokens == embedding_of(pipeline).token_coverage_ == pytest.approx(16 / 19)
    assert display.ax_.get_title() == "found: 84.2% of the tokens, 50.0% of the words"
    assert CoverageDisplay.from_estimator(pipeline, n_missing=1).missing == ["odd"]
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in table_rows(pipeline)]
    assert ["token_coverage_", "float", "0.8421"] in rows


def embedding_of(pipeline):
    return pipeline.named_steps["pretrainedembedding"]


def test_what_has_no_coverage_is_refused(model):
    with pytest.raises(TypeError, match="expected a fitted PretrainedEmbedding, or a pipeline"):
        CoverageDisplay.from_estimator(model)
