import warnings
from collections import Counter
from unicodedata import normalize

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, TokenSequences
from sklearn_rnn._data.words import find_words

REVIEWS = ["So good, so very good!", "Not good at all; I didn't laugh.", "bad", ""]

words = st.sampled_from(["good", "Bad", "so", "naïve", "didn't", "i", "2", "好", "--", "x_y"])
texts_with_words = (
    st.lists(st.lists(words, max_size=9).map(" ".join), min_size=1, max_size=9)
    # CountVectorizer and we both refuse an empty vocabulary.
    .map(lambda texts: [*texts, "good"])
)
any_texts = st.lists(st.text(max_size=20), min_size=1, max_size=6).map(
    lambda texts: [*(normalize("NFC", normalize("NFC", text).lower()) for text in texts), "good"]
)


def counter_like(vectorizer, **others):
    """Return a CountVectorizer of the same parameters, and of the library's words by default."""
    parameters = {
        name: value
        for name, value in vectorizer.get_params().items()
        if name in CountVectorizer().get_params() and name != "max_features"
    }
    if vectorizer.tokenizer is None and vectorizer.token_pattern is None:
        parameters |= {"tokenizer": find_words} if vectorizer.analyzer == "word" else {}
    return CountVectorizer(**parameters | others)


def fit_ids(texts, **parameters):
    return SequenceVectorizer(**parameters).fit_transform(texts).ids.tolist()


# ---- Against CountVectorizer ----------------------------------------------------------------


@given(texts=texts_with_words | any_texts)
@settings(deadline=None, max_examples=30)
def test_counts_of_the_ids_equal_those_of_countvectorizer(texts):
    vectorizer = SequenceVectorizer(max_len=None)
    sequences = vectorizer.fit_transform(texts)
    counter = counter_like(vectorizer)
    expected = counter.fit_transform(texts).toarray()
    n_ids = len(sequences.vocabulary)
    counts = np.array([np.bincount(row, minlength=n_ids) for row in sequences.ids])
    columns = [vectorizer.vocabulary_[word] for word in counter.get_feature_names_out()]
    np.testing.assert_array_equal(counts[:, columns], expected)
    assert len(columns) == n_ids - 2
    assert not counts[:, 1].any()


ANALYSES = [
    pytest.param({}, id="defaults"),
    pytest.param({"token_pattern": r"(?u)\b\w\w+\b", "lowercase": False}, id="token_pattern"),
    pytest.param({"strip_accents": "unicode", "stop_words": ["so"]}, id="accents, stop words"),
    pytest.param({"preprocessor": str.swapcase}, id="preprocessor"),
    pytest.param({"tokenizer": str.split, "token_pattern": None}, id="tokenizer"),
    pytest.param({"analyzer": "char"}, id="char"),
    pytest.param({"analyzer": "char_wb"}, id="char_wb"),
    pytest.param({"analyzer": str.split}, id="analyzer"),
]


@pytest.mark.parametrize("parameters", ANALYSES)
def test_texts_are_analysed_as_countvectorizer_does(parameters):
    vectorizer = SequenceVectorizer(max_len=None, **parameters)
    tokens = vectorizer.inverse_transform(vectorizer.fit_transform(REVIEWS))
    analyze = counter_like(vectorizer).build_analyzer()
    assert tokens == [list(analyze(text)) for text in REVIEWS]


n_texts = st.integers(1, 4) | st.floats(0, 1)


@given(
    texts=texts_with_words,
    min_df=n_texts,
    max_df=n_texts,
    stop_words=st.none() | st.just(["so", "i"]),
    max_features=st.none() | st.integers(3, 9),
)
@settings(deadline=None, max_examples=50)
def test_words_are_kept_or_refused_as_countvectorizer_does(texts, max_features, **parameters):
    vectorizer = SequenceVectorizer(**parameters, max_features=max_features)
    counter = counter_like(vectorizer)
    try:
        expected = counter.fit(texts).vocabulary_
    except ValueError as error:
        words = "max_df corresponds to < documents" if "max_df corr" in str(error) else "no word"
        with pytest.raises(ValueError, match=words):
            vectorizer.fit(texts)
        return
    vectorizer.fit(texts)
    if max_features is None:
        assert set(vectorizer.vocabulary_) == set(expected)
    assert set(vectorizer.vocabulary_) <= set(expected)
    assert vectorizer.vocabulary_size_ == min(len(expected) + 2, max_features or np.inf)


def test_max_df_of_one_text_is_not_max_df_of_all_texts():
    texts = ["good film", "good book"]
    assert set(SequenceVectorizer(max_df=1).fit(texts).vocabulary_) == {"book", "film"}
    assert set(SequenceVectorizer(max_df=1.0).fit(texts).vocabulary_) == {"book", "film", "good"}


@given(texts=texts_with_words, n_words=st.integers(1, 12))
@settings(deadline=None, max_examples=30)
def test_max_features_keeps_the_most_frequent_words_and_counts_both_markers(texts, n_words):
    sequences = SequenceVectorizer(max_features=n_words + 2).fit_transform(texts)
    counter = counter_like(SequenceVectorizer(), max_features=n_words).fit(texts)
    kept = sequences.vocabulary[2:]
    assert len(kept) == len(counter.vocabulary_)
    frequency = frequencies(texts)
    # Between equally frequent words the choice is ours: see the order of ids.
    assert Counter(map(frequency.get, kept)) == Counter(map(frequency.get, counter.vocabulary_))


def frequencies(texts):
    analyze = counter_like(SequenceVectorizer()).build_analyzer()
    return Counter(token for text in texts for token in analyze(text))


# ---- Ids ------------------------------------------------------------------------------------


@given(texts=texts_with_words | any_texts, max_features=st.none() | st.integers(3, 9))
@settings(deadline=None, max_examples=30)
def test_ids_follow_falling_frequency_then_spelling(texts, max_features):
    vectorizer = SequenceVectorizer(max_features=max_features).fit(texts)
    frequency = frequencies(texts)
    in_order = sorted(frequency, key=lambda word: (-frequency[word], word))
    kept = in_order if max_features is None else in_order[: max_features - 2]
    assert vectorizer.vocabulary_ == {word: i for i, word in enumerate(kept, start=2)}


def test_the_first_two_entries_are_the_markers():
    sequences = SequenceVectorizer().fit_transform(REVIEWS)
    assert isinstance(sequences, TokenSequences)
    assert sequences.vocabulary[:3] == ("<pad>", "<unk>", "good")


def test_max_features_is_the_number_of_rows_of_the_embedding():
    texts = [" ".join(f"w{i}" for i in range(50))] * 2
    model = make_pipeline(
        SequenceVectorizer(max_features=10, max_len=60),
        RNNTextClassifier(hidden_size=2, max_epochs=1, early_stopping=False, random_state=0),
    )
    model.fit(texts, [0, 1])
    assert model[-1].embedding_vectors_.shape[0] == 10


@given(texts=texts_with_words, max_features=st.integers(3, 9), max_len=st.integers(1, 8))
@settings(deadline=None, max_examples=30)
def test_fit_transform_equals_fit_then_transform(texts, max_features, max_len):
    # One word stands in every text, so that min_df leaves something of any texts.
    texts = [f"{text} everywhere" for text in texts]
    vectorizer = SequenceVectorizer(max_features=max_features, max_len=max_len, min_df=0.2)
    at_once = clone(vectorizer).fit_transform(texts)
    in_turn = vectorizer.fit(texts).transform(texts)
    np.testing.assert_array_equal(at_once.ids, in_turn.ids)
    assert at_once.vocabulary == in_turn.vocabulary


def test_unknown_words_read_as_id_1():
    vectorizer = SequenceVectorizer(max_len=3).fit(["good"])
    sequences = vectorizer.transform(["good heavens", ""])
    assert sequences.ids.tolist() == [[0, 2, 1], [0, 0, 0]]
    assert vectorizer.inverse_transform(sequences) == [["good", "<unk>"], []]


@given(texts=texts_with_words | any_texts, padding=st.sampled_from(["pre", "post"]))
@settings(deadline=None, max_examples=30)
def test_inverse_transform_gives_back_the_tokens(texts, padding):
    vectorizer = SequenceVectorizer(max_len=None, padding=padding)
    sequences = vectorizer.fit_transform(texts)
    analyze = counter_like(vectorizer).build_analyzer()
    expected = [list(analyze(text)) for text in texts]
    assert vectorizer.inverse_transform(sequences) == expected
    assert vectorizer.inverse_transform(np.asarray(sequences)) == expected


def test_any_iterable_of_texts_will_do():
    expected = fit_ids(REVIEWS)
    for texts in (tuple(REVIEWS), np.array(REVIEWS), iter(REVIEWS), pd.Series(REVIEWS)):
        assert fit_ids(texts) == expected


# ---- Length ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("padding", "truncating", "expected"),
    [
        ("pre", "pre", [[4, 5, 6], [0, 0, 2]]),
        ("pre", "post", [[2, 3, 4], [0, 0, 2]]),
        ("post", "pre", [[4, 5, 6], [2, 0, 0]]),
        ("post", "post", [[2, 3, 4], [2, 0, 0]]),
    ],
)
def test_sides_of_padding_and_truncating(padding, truncating, expected):
    ids = fit_ids(["a b c d e", "a"], max_len=3, padding=padding, truncating=truncating)
    assert ids == expected


def test_max_len_none_takes_the_longest_training_text():
    vectorizer = SequenceVectorizer(max_len=None)
    assert vectorizer.fit_transform(["a", "a b c"]).shape == (2, 3)
    assert vectorizer.n_tokens_ == 3
    assert vectorizer.transform(["a b c a b"]).ids.tolist() == [[4, 2, 3]]


def test_max_len_none_leaves_room_where_all_texts_are_empty():
    assert SequenceVectorizer(max_len=None, vocabulary=["a"]).fit_transform([""]).shape == (1, 1)


# ---- A vocabulary of the user's own ---------------------------------------------------------


@pytest.mark.parametrize(
    "vocabulary",
    [["b", "a", "c"], ("b", "a", "c"), {"a": 1, "b": 0, "c": 2}],
    ids=["list", "tuple", "mapping"],
)
def test_a_given_vocabulary_keeps_its_order(vocabulary):
    vectorizer = SequenceVectorizer(vocabulary=vocabulary, max_len=4)
    sequences = vectorizer.fit_transform(["a b d", "c"])
    assert sequences.vocabulary == ("<pad>", "<unk>", "b", "a", "c")
    assert sequences.ids.tolist() == [[0, 3, 2, 1], [0, 0, 0, 4]]


def test_a_learned_vocabulary_can_be_given():
    vectorizer = SequenceVectorizer(max_len=8).fit(REVIEWS)
    other = SequenceVectorizer(max_len=8, vocabulary=vectorizer.vocabulary_).fit(["other words"])
    assert other.vocabulary_ == vectorizer.vocabulary_


def test_max_features_cuts_a_given_vocabulary_too():
    vectorizer = SequenceVectorizer(vocabulary=["b", "a", "c"], max_features=4).fit(["c"])
    assert vectorizer.vocabulary_ == {"b": 2, "a": 3}


@pytest.mark.parametrize("vocabulary", [[], {}, ["a", "b", "a"]])
def test_a_vocabulary_without_words_or_with_one_twice_raises(vocabulary):
    with pytest.raises(ValueError, match="vocabulary must contain at least one word, and each"):
        SequenceVectorizer(vocabulary=vocabulary).fit(["a"])


# ---- Chinese --------------------------------------------------------------------------------

HOTELS = ["这家酒店很好，早餐也很好。", "房间不好！", "服务 OK"]


@pytest.fixture(scope="module")
def jieba():
    with warnings.catch_warnings():
        # What Python and setuptools say about jieba's own source is no concern of ours.
        warnings.simplefilter("ignore")
        module = pytest.importorskip("jieba")
        module.setLogLevel("WARNING")
        module.initialize()
    return module


def test_chinese_words_through_jieba(jieba):
    vectorizer = SequenceVectorizer(tokenizer=jieba.lcut, max_len=None)
    tokens = vectorizer.inverse_transform(vectorizer.fit_transform(HOTELS))
    assert tokens == [jieba.lcut(text.lower()) for text in HOTELS]
    assert "酒店" in tokens[0]


def test_chinese_characters():
    vectorizer = SequenceVectorizer(analyzer="char", max_len=None)
    tokens = vectorizer.inverse_transform(vectorizer.fit_transform(HOTELS))
    assert tokens == [list(text.lower()) for text in HOTELS]


# ---- scikit-learn ---------------------------------------------------------------------------


def test_set_output_changes_no_prediction():
    # Cut at two tokens, no training row holds "rare": the vocabulary alone knows it.
    texts, labels = ["rare good good", "bad bad"] * 4, [1, 0] * 4
    plain, as_pandas = (
        make_pipeline(
            SequenceVectorizer(max_len=2),
            RNNTextClassifier(hidden_size=2, max_epochs=2, early_stopping=False, random_state=0),
        )
        for _ in range(2)
    )
    as_pandas.set_output(transform="pandas")
    for pipeline in (plain, as_pandas):
        pipeline.fit(texts, labels)
    seen, unseen = ["good", "bad"], ["rare", "unheard"]
    for new in (seen, unseen):
        np.testing.assert_array_equal(as_pandas.predict_proba(new), plain.predict_proba(new))
    assert isinstance(as_pandas.transform(seen), pd.DataFrame)


def test_feature_names_out_name_the_places():
    vectorizer = SequenceVectorizer(max_len=3).fit(REVIEWS)
    names = ["sequencevectorizer0", "sequencevectorizer1", "sequencevectorizer2"]
    assert vectorizer.get_feature_names_out().tolist() == names


def test_clone_keeps_parameters_and_drops_the_vocabulary():
    vectorizer = SequenceVectorizer(max_len=7, min_df=2).fit(["a", "a"])
    copied = clone(vectorizer)
    assert copied.get_params() == vectorizer.get_params()
    for call in (copied.transform, copied.inverse_transform):
        with pytest.raises(NotFittedError):
            call([[2]])


@pytest.mark.parametrize(
    "parameters", [{"max_features": 2}, {"max_len": 0}, {"padding": "left"}, {"analyzer": "words"}]
)
def test_a_bad_parameter_raises_when_fitting(parameters):
    (name,) = parameters
    with pytest.raises(ValueError, match=f"The '{name}' parameter of SequenceVectorizer"):
        SequenceVectorizer(**parameters).fit(REVIEWS)


@pytest.mark.parametrize("parameters", [{"min_df": 9}, {"stop_words": ["bad"]}])
def test_no_word_left_raises_and_leaves_the_vectorizer_as_it_was(parameters):
    vectorizer = SequenceVectorizer().fit(["good"]).set_params(**parameters)
    with pytest.raises(ValueError, match=r"no word is left for the vocab|corresponds to < docu"):
        vectorizer.fit(["bad"])
    assert vectorizer.vocabulary_ == {"good": 2}
