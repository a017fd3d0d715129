"""The neighbours of a word."""

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, TokenSequences
from sklearn_rnn.embeddings import PretrainedEmbedding
from sklearn_rnn.inspection import most_similar
from small_models import THREE_EPOCHS


@pytest.fixture
def embedding():
    words = ("<pad>", "<unk>", "east", "eastward", "north", "west", "nowhere")
    table = np.array([[0, 0], [9, 0], [1, 0], [2, 0.1], [0, 3], [-1, 0], [0, 0]], np.float32)
    sequences = TokenSequences(np.array([[2, 3, 4, 5, 6]]), words, table)
    step = PretrainedEmbedding("unread").set_params(oov="zero")
    vars(step).update(vocabulary_=words, vectors_=table, found_=table.any(axis=1))
    return step, sequences


def test_neighbours_are_ranked_by_the_angle(embedding):
    step, _ = embedding
    found = step.most_similar("east", topn=9)
    assert [word for word, _ in found] == ["eastward", "north", "west"]
    assert [cosine for _, cosine in found] == pytest.approx([0.9988, 0, -1], abs=1e-3)
    assert most_similar(step, "east", topn=1) == found[:1]


def test_words_whose_vectors_were_made_up_are_no_neighbours(tmp_path):
    source = tmp_path / "vectors.txt"
    source.write_text("good 1 2\nfine 1 3\n", encoding="utf-8")
    sequences = SequenceVectorizer().fit_transform(["good fine odd odd", "good fine"])
    step = PretrainedEmbedding(source, oov="mean").fit(sequences)
    assert [word for word, _ in step.most_similar("good")] == ["fine"]
    with pytest.raises(ValueError, match="'odd' has no vector"):
        most_similar(step, "odd")
    with pytest.raises(ValueError, match="topn must be at least 1, got 0"):
        step.most_similar("good", topn=0)


def test_an_embedding_has_neighbours_before_and_after_it_thawed(embedding):
    step, sequences = embedding
    model = RNNTextClassifier(**THREE_EPOCHS | {"linear": "none"}, freeze_embedding=True)
    frozen = model.fit(sequences[[0, 0]], [0, 1])
    assert most_similar(frozen, "east") == step.most_similar("east")
    free = clone(model).set_params(freeze_embedding=False).fit(sequences[[0, 0]], [0, 1])
    assert most_similar(free, "east") != step.most_similar("east")


def test_a_word_without_a_vector_or_out_of_the_vocabulary_is_named(embedding):
    step, _ = embedding
    with pytest.raises(ValueError, match="'nowhere' has no vector"):
        step.most_similar("nowhere")
    with pytest.raises(
        KeyError, match=r"'eats' is not in the vocabulary\. Similarly spelled: east"
    ):
        step.most_similar("eats")
    with pytest.raises(KeyError, match="'<unk>' is not in the vocabulary"):
        step.most_similar("<unk>")
