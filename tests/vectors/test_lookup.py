"""Vectors that exist already: looked up by word, frozen, shared, and never copied needlessly."""

import copy
import pickle
import tracemalloc
import unicodedata

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, TokenSequences
from sklearn_rnn.datasets import make_reviews
from sklearn_rnn.embeddings import FastTextEmbedding, PretrainedEmbedding, Word2VecEmbedding

models = pytest.importorskip("gensim.models")

TEXTS, LABELS = make_reviews(80, n_filler=(0, 1), random_state=0)
QUICK = {"hidden_size": 4, "embedding_dim": 6, "max_epochs": 2, "lr": 1e-2, "random_state": 0}


def keyed_vectors(words, n_dimensions=4):
    vectors = models.KeyedVectors(n_dimensions)
    table = np.random.default_rng(0).normal(size=(len(words), n_dimensions)).astype(np.float32)
    vectors.add_vectors(list(words), table)
    return vectors


@pytest.fixture(scope="module")
def sequences():
    return SequenceVectorizer(max_len=6).fit_transform(["so good film", "so bad film", "so odd"])


@pytest.fixture(scope="module")
def trained():
    """The large data set's model, with another vocabulary than any that follows."""
    texts, labels = make_reviews(120, n_filler=(1, 2), random_state=1)
    return make_pipeline(
        SequenceVectorizer(max_len=60), RNNTextClassifier(**QUICK, cell="gru")
    ).fit(texts, labels)


def test_each_word_gets_its_own_vector(sequences):
    source = keyed_vectors(["good", "film", "so", "unrelated"])
    embedding = PretrainedEmbedding(source).fit(sequences)
    by_word = dict(zip(sequences.vocabulary, embedding.vectors_, strict=True))
    for word in ("good", "film", "so"):
        np.testing.assert_array_equal(by_word[word], source[word])


def test_a_word_is_looked_for_as_spelled_then_lower_then_capitalised():
    vectorizer = SequenceVectorizer(lowercase=False, max_len=4)
    sequences = vectorizer.fit_transform(["Paris GOOD film film"])
    source = keyed_vectors(["Paris", "paris", "good", "Good", "Film"])
    vectors = PretrainedEmbedding(source).fit(sequences).vectors_
    by_word = dict(zip(sequences.vocabulary, vectors, strict=True))
    for word, spelled in (("Paris", "Paris"), ("GOOD", "good"), ("film", "Film")):
        np.testing.assert_array_equal(by_word[word], source[spelled])


CAFE = {form: unicodedata.normalize(form, "café") for form in ("NFC", "NFD")}


@pytest.mark.parametrize("ours", CAFE)
@pytest.mark.parametrize("theirs", CAFE)
@pytest.mark.parametrize("case", [str.lower, str.capitalize])
def test_an_accent_may_be_a_sign_of_its_own_or_not(ours, theirs, case):
    sequences = TokenSequences(np.array([[2]]), ("", "?", CAFE[ours]))
    source = keyed_vectors([case(CAFE[theirs])])
    np.testing.assert_array_equal(
        PretrainedEmbedding(source).fit(sequences).vectors_[2], source.vectors[0]
    )


def test_the_exact_spelling_comes_first_then_the_same_letters_then_another_case():
    spellings = [CAFE["NFD"], CAFE["NFC"], CAFE["NFD"].capitalize(), CAFE["NFC"].capitalize()]
    sequences = TokenSequences(np.array([[2]]), ("", "?", spellings[0]))
    for first in range(len(spellings)):
        source = keyed_vectors(spellings[first:][::-1])
        vectors = PretrainedEmbedding(source).fit(sequences).vectors_
        np.testing.assert_array_equal(vectors[2], source[spellings[first]])


def test_coverage_counts_words_and_running_tokens_and_names_what_is_missing(sequences):
    coverage = PretrainedEmbedding(keyed_vectors(["so", "film"])).fit(sequences).coverage_
    assert coverage.words == 2 / 5
    assert coverage.tokens == 5 / 8
    assert coverage.missing == ["bad", "good", "odd"]


def test_few_tokens_found_is_a_warning_that_names_likely_causes(sequences):
    with pytest.warns(UserWarning, match="holds only 25% of the tokens; missing are so.*cased"):
        PretrainedEmbedding(keyed_vectors(["film"])).fit(sequences)


@pytest.mark.parametrize("oov", ["zero", "mean", "random"])
def test_words_out_of_vocabulary_follow_the_policy(sequences, oov):
    source = keyed_vectors(["so", "film", "good"], n_dimensions=50)
    fits = [PretrainedEmbedding(source, oov=oov, random_state=0).fit(sequences) for _ in range(2)]
    vectors = fits[0].vectors_
    np.testing.assert_array_equal(vectors, fits[1].vectors_)
    found = np.isin(sequences.vocabulary, ["so", "film", "good"])
    missing = vectors[1:][~found[1:]]
    assert not vectors[0].any()
    if oov == "zero":
        assert not missing.any()
    elif oov == "mean":
        np.testing.assert_allclose(
            missing, np.tile(vectors[found].mean(axis=0), (len(missing), 1)), rtol=1e-6
        )
    else:
        spread = vectors[found].std(axis=0)
        assert 0.7 < missing.std() / np.sqrt((spread**2).mean()) < 1.3


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
        RNNTextClassifier(**QUICK, freeze_embedding=True),
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
    with pytest.warns(UserWarning, match="holds only 25% of the tokens; missing are b, c"):
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


def test_the_lectures_transfer_keeps_only_the_embedding_word_by_word(trained):
    sequences = SequenceVectorizer(max_len=40).fit_transform(TEXTS[:20])
    embedding = PretrainedEmbedding(trained).fit(sequences)
    learned = dict(zip(trained[-1].vocabulary_, trained[-1].embedding_vectors_, strict=True))
    known = [word for word in sequences.vocabulary[2:] if word in learned]
    assert known
    for word in known:
        row = embedding.vectors_[sequences.vocabulary.index(word)]
        np.testing.assert_array_equal(row, learned[word])


def test_a_frozen_transfer_changes_only_what_lies_above_it(trained):
    X = SequenceVectorizer(max_len=40).fit_transform(TEXTS)
    X = PretrainedEmbedding(trained).fit(X).transform(X)
    new = RNNTextClassifier(**QUICK | {"hidden_size": 3}, num_layers=2, freeze_embedding=True)
    start = (
        clone(new).set_params(lr=1e-30, table_lr=1e-30).fit(X, LABELS).net_.module_.state_dict()
    )
    end = new.fit(X, LABELS).net_.module_.state_dict()
    np.testing.assert_array_equal(new.embedding_vectors_, X.vectors)
    changed = {name for name in end if not np.array_equal(start[name], end[name])}
    assert changed == set(end) - {"embedding.weight", "linear.idf", "linear.pairs"}


def test_the_lectures_frozen_model_has_its_numbers_of_parameters():
    words = [f"w{i}" for i in range(9_998)]
    X = SequenceVectorizer(vocabulary=words, max_len=500).fit_transform(
        [" ".join(words[:400])] * 8
    )
    X = PretrainedEmbedding(keyed_vectors(words, 32)).fit(X).transform(X)
    model = RNNTextClassifier(
        hidden_size=32, pooling="last", linear="none", freeze_embedding=True, max_epochs=1
    )
    summary = model.fit(X, np.arange(8) % 2).summary()
    assert (summary.total, summary.trainable) == (336_705, 16_705)
    assert "Trainable parameters: 16,705" in str(summary)


@pytest.mark.parametrize("kind", ["pipeline", "gensim", "embedding"])
def test_clone_and_set_params_share_the_source(trained, kind):
    sources = {
        "pipeline": trained,
        "gensim": keyed_vectors(["so"]),
        "embedding": Word2VecEmbedding(vector_size=3),
    }
    embedding = PretrainedEmbedding(sources[kind])
    assert clone(embedding).source is sources[kind]
    assert clone(make_pipeline(embedding))[0].source is sources[kind]
    assert PretrainedEmbedding().set_params(source=sources[kind]).source is sources[kind]
    assert list(embedding.get_params()) == ["oov", "random_state", "source"]


def test_a_clone_of_a_large_source_takes_no_memory():
    source = keyed_vectors([str(i) for i in range(50_000)], n_dimensions=100)  # 20 MB
    tracemalloc.start()
    clones = [clone(PretrainedEmbedding(source)) for _ in range(100)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(clones) == 100
    assert peak < 1_000_000


def test_a_grid_compares_no_embedding_a_trained_and_a_ready_made_one(trained):
    search = GridSearchCV(
        Pipeline(
            [
                ("sequences", SequenceVectorizer(max_len=40)),
                ("embedding", "passthrough"),
                ("rnn", RNNTextClassifier(**QUICK)),
            ]
        ),
        {
            "embedding": [
                "passthrough",
                Word2VecEmbedding(vector_size=4, epochs=1),
                PretrainedEmbedding(trained),
            ]
        },
        cv=2,
        n_jobs=2,
        error_score="raise",
    )
    search.fit(TEXTS, LABELS)
    assert len(search.predict(TEXTS)) == len(TEXTS)


@pytest.mark.parametrize("oov", ["zero", "mean"])
def test_a_pipeline_with_memory_can_be_fitted_again_and_again(trained, tmp_path, oov):
    model = make_pipeline(
        SequenceVectorizer(max_len=40),
        PretrainedEmbedding(trained, oov=oov),
        RNNTextClassifier(**QUICK),
        memory=str(tmp_path),
    )
    tables = [model.fit(TEXTS, LABELS)[1].vectors_ for _ in range(4)]
    for table in tables[1:]:
        np.testing.assert_array_equal(table, tables[0])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_a_copy_without_its_source_fits_again_with_the_words_that_were_found(sequences, copied):
    source = keyed_vectors(["so", "film", "unrelated"])
    embedding = copied(PretrainedEmbedding(source, oov="mean").fit(sequences))
    first = embedding.vectors_
    again = clone(embedding).fit(sequences)
    np.testing.assert_array_equal(again.vectors_, first)
    assert again.coverage_.missing == ["bad", "good", "odd"]


def test_a_search_and_a_pipeline_within_another_serve_as_sources(trained):
    sequences = SequenceVectorizer(max_len=40).fit_transform(TEXTS)
    expected = PretrainedEmbedding(trained).fit(sequences).vectors_
    search = GridSearchCV(trained, {"rnntextclassifier__lr": [1e-2]}, cv=2, refit=False)
    search.best_estimator_ = trained
    for source in (search, Pipeline([("inner", trained)])):
        np.testing.assert_array_equal(
            PretrainedEmbedding(source).fit(sequences).vectors_, expected
        )


def test_words_that_the_source_has_no_vector_for_are_missing_here_too():
    texts = ["so good film"] * 6 + ["rarely odd"]
    sequences = SequenceVectorizer(max_len=9).fit_transform(texts)
    source = Word2VecEmbedding(vector_size=3, min_count=3, epochs=1).fit(sequences)
    embedding = PretrainedEmbedding(source, oov="mean").fit(sequences)
    assert embedding.coverage_.missing == ["odd", "rarely"]
    assert embedding.vectors_[1:].any(axis=1).all()
    second = PretrainedEmbedding(embedding).fit(sequences)
    assert second.coverage_.missing == ["odd", "rarely"]


def test_random_vectors_have_a_size_even_after_a_single_word_found(sequences):
    with pytest.warns(UserWarning, match="holds only"):
        embedding = PretrainedEmbedding(keyed_vectors(["film"], 50), oov="random").fit(sequences)
    sizes = np.sqrt((embedding.vectors_[1:] ** 2).mean(axis=1))
    assert ((sizes > 0.5 * sizes.max()) & (sizes < 2 * sizes.min())).all()


def test_clones_do_not_share_a_generator():
    generator = np.random.RandomState(0)
    embedding = PretrainedEmbedding("file", oov="random", random_state=generator)
    assert clone(embedding).random_state is not generator


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


def test_real_glove_vectors_cover_real_reviews(vectors_home, imdb_texts):
    path = vectors_home / "glove.6B.50d.9k.txt.gz"
    vectorizer = SequenceVectorizer(max_features=5_000, max_len=200)
    embedding = PretrainedEmbedding(path).fit(vectorizer.fit_transform(imdb_texts))
    assert embedding.vectors_.shape == (5_000, 50)
    assert embedding.coverage_.tokens > 0.85
