"""Where vectors are found: fitted models, gensim's, parts of words, and what cannot serve."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, TokenSequences
from sklearn_rnn.embeddings import FastTextEmbedding, PretrainedEmbedding, Word2VecEmbedding
from word_vectors import NETWORK, keyed_vectors, models


def fast_text():
    model = models.FastText(vector_size=4, min_count=1, bucket=100, seed=1, workers=1)
    model.build_vocab([["so", "film"]] * 10)
    return model


@pytest.mark.parametrize("kind", ["model", "vectors", "kv file"])
def test_subwords_serve_for_words_that_fast_text_never_saw(sequences, tmp_path, kind):
    model = fast_text()
    model.wv.save(str(tmp_path / "vectors.kv"))
    source = {"model": model, "vectors": model.wv, "kv file": tmp_path / "vectors.kv"}[kind]
    embedding = PretrainedEmbedding(source, oov="subword").fit(sequences)
    for word, vector in list(zip(sequences.vocabulary, embedding.vectors_, strict=True))[2:]:
        np.testing.assert_array_equal(vector, model.wv.get_vector(word))
    assert not embedding.vectors_[:2].any()  # padding and unknown have no parts
    assert embedding.coverage_.missing == ["bad", "good", "odd"]


@pytest.mark.parametrize("kept", ["embedding", "pipeline", "saved"])
def test_fast_text_of_ours_makes_vectors_of_parts_as_gensim_does(sequences, kept):
    texts = ["so film goods badly"] * 10
    model = make_pipeline(
        SequenceVectorizer(max_len=6),
        FastTextEmbedding(vector_size=4, bucket=50, epochs=1, keep_subwords=True, random_state=0),
        RNNTextClassifier(**NETWORK, freeze_embedding=True),
    ).fit(texts, [0, 1] * 5)
    source = {
        "embedding": model[1],
        "pipeline": model,
        "saved": pickle.loads(pickle.dumps(model)),
    }[kept]
    vectors = PretrainedEmbedding(source, oov="subword").fit(sequences).vectors_
    gensims = models.fasttext.FastTextKeyedVectors(4, min_n=3, max_n=6, bucket=50)
    gensims.vectors_ngrams = model[1].subword_vectors_
    for word in ("good", "bad", "odd"):
        np.testing.assert_allclose(
            vectors[sequences.vocabulary.index(word)], gensims.get_vector(word), rtol=1e-6
        )


@pytest.mark.parametrize("kind", ["model", "kv file", "facebook's file", "ours"])
def test_subwords_serve_where_fast_text_knows_no_word_at_all(tmp_path, kind):
    model = fast_text()
    model.wv.save(str(tmp_path / "vectors.kv"))
    if kind == "facebook's file":
        models.fasttext.save_facebook_model(model, str(tmp_path / "vectors.bin"))
    source = {
        "model": lambda: model,
        "kv file": lambda: tmp_path / "vectors.kv",
        "facebook's file": lambda: models.fasttext.load_facebook_vectors(tmp_path / "vectors.bin"),
        "ours": lambda: FastTextEmbedding(vector_size=4, bucket=50, keep_subwords=True).fit(
            SequenceVectorizer(max_len=6).fit_transform(["so film"] * 9)
        ),
    }[kind]()
    sequences = SequenceVectorizer(max_len=6).fit_transform(["goods badly", "badly odd"])
    embedding = PretrainedEmbedding(source, oov="subword").fit(sequences)
    assert embedding.vectors_.shape == (5, 4)
    assert embedding.vectors_[2:].any(axis=1).all()
    assert not embedding.vectors_[:2].any()
    assert not embedding.found_.any()
    assert embedding.token_coverage_ == 0
    assert embedding.transform(sequences).vectors is embedding.vectors_
    if kind != "ours":
        np.testing.assert_array_equal(embedding.vectors_[2], model.wv.get_vector("badly"))


def test_words_without_parts_are_an_error_if_there_are_no_others_and_else_count_as_missing():
    model = models.FastText(vector_size=4, min_count=1, bucket=100, min_n=5, max_n=6, workers=1)
    model.build_vocab([["so", "film"]] * 10)
    short = TokenSequences(np.array([[2, 3]]), ("", "?", "a", "b"))  # <a> has three signs
    with pytest.raises(ValueError, match="has no word in common with the 2 words"):
        PretrainedEmbedding(model, oov="subword").fit(short)
    some = TokenSequences(np.array([[2, 3, 3, 4]]), ("", "?", "goods", "b", "c"))
    with pytest.warns(UserWarning, match="contains only 25% of the tokens; missing are b, c"):
        PretrainedEmbedding(model, oov="subword").fit(some)


@pytest.mark.parametrize("oov", ["zero", "mean", "random", "subword"])
def test_a_vocabulary_without_words_is_an_error(oov):
    markers = TokenSequences(np.array([[1]]), ("", "?"))
    with pytest.raises(ValueError, match="has no word in common with the 0 words"):
        PretrainedEmbedding(fast_text(), oov=oov).fit(markers)


def test_fast_text_keeps_its_parts_only_when_asked(sequences):
    source = FastTextEmbedding(vector_size=4, bucket=50, epochs=1).fit(sequences)
    assert source.subword_vectors_ is None
    with pytest.raises(ValueError, match="FastTextEmbedding with keep_subwords=True"):
        PretrainedEmbedding(source, oov="subword").fit(sequences)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_a_copy_without_its_source_fits_again_with_the_words_that_were_found(sequences, copied):
    source = keyed_vectors(["so", "film", "unrelated"])
    embedding = copied(PretrainedEmbedding(source, oov="mean").fit(sequences))
    first = embedding.vectors_
    again = clone(embedding).fit(sequences)
    np.testing.assert_array_equal(again.vectors_, first)
    assert again.coverage_.missing == ["bad", "good", "odd"]


def test_words_that_the_source_has_no_vector_for_are_missing_here_too():
    texts = ["so good film"] * 6 + ["rarely odd"]
    sequences = SequenceVectorizer(max_len=9).fit_transform(texts)
    source = Word2VecEmbedding(vector_size=3, min_count=3, epochs=1).fit(sequences)
    embedding = PretrainedEmbedding(source, oov="mean").fit(sequences)
    assert embedding.coverage_.missing == ["odd", "rarely"]
    assert embedding.vectors_[1:].any(axis=1).all()
    second = PretrainedEmbedding(embedding).fit(sequences)
    assert second.coverage_.missing == ["odd", "rarely"]


def test_vectors_that_are_not_finite_are_refused(sequences):
    source = keyed_vectors(["so", "film", "good"])
    source.vectors[1] = np.nan
    with pytest.raises(ValueError, match="KeyedVectors has values that are not finite for 'film'"):
        PretrainedEmbedding(source).fit(sequences)


def test_a_fast_text_model_without_parts_is_no_source_of_them(sequences):
    model = models.FastText(vector_size=4, min_count=1, min_n=6, max_n=3, workers=1)
    model.build_vocab([["so", "film"]] * 10)
    with pytest.raises(ValueError, match="needs a fastText model"):
        PretrainedEmbedding(model, oov="subword").fit(sequences)


def test_a_fitted_embedding_is_saved_without_its_source(sequences):
    source = keyed_vectors([*sequences.vocabulary[2:], *map(str, range(5_000))])
    saved = pickle.dumps(PretrainedEmbedding(source).fit(sequences))
    assert b"gensim" not in saved
    assert len(saved) < 5_000
    np.testing.assert_array_equal(
        pickle.loads(saved).transform(sequences).vectors[2:], source[sequences.vocabulary[2:]]
    )


@pytest.mark.parametrize(
    ("source", "oov", "error", "message"),
    [
        (keyed_vectors(["nothing"]), "zero", ValueError, "Vectors, has no word in common with t"),
        (RNNTextClassifier(max_epochs=1).fit([[2, 3]] * 8, [0, 1] * 4), "zero", TypeError, "ids"),
        (RNNTextClassifier(), "zero", TypeError, "expected source to be .* Is it fitted?"),
        (None, "zero", TypeError, "expected source to be a path"),
        (keyed_vectors(["so"]), "subword", ValueError, "needs a fastText model .* KeyedVectors"),
        (keyed_vectors(["so"]), "nearest", ValueError, "'oov' parameter"),
    ],
)
def test_a_source_that_cannot_serve_is_refused(sequences, source, oov, error, message):
    embedding = PretrainedEmbedding(source, oov=oov)
    with pytest.raises(error, match=message):
        embedding.fit(sequences)
    assert not hasattr(embedding, "vectors_")
