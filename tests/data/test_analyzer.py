"""From documents of any kind to tokens: what is taken, what is refused, and how it is spelled."""

import warnings
from pathlib import Path
from types import SimpleNamespace
from unicodedata import normalize

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from analysed import TOKENS, itself, spoken, tokens_of
from paths import SAVED_MODELS
from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, persistence
from sklearn_rnn._data import analyzer as _analysis
from sklearn_rnn._data.analyzer import to_normal_form
from sklearn_rnn.embeddings import PretrainedEmbedding

FORMER_PATTERN = r"(?u)\b\w+(?:['’]\w+)*\b"


# ---- Tokens that are cut already -------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters",
    [
        {"analyzer": "tokens"},
        {"analyzer": itself},
        {"tokenizer": itself, "preprocessor": itself},
        {"tokenizer": itself, "lowercase": False},
    ],
)
def test_tokens_that_are_cut_already_stay_as_they_are(parameters):
    vectorizer = SequenceVectorizer(max_len=None, **parameters)
    assert tokens_of(vectorizer, TOKENS) == TOKENS
    expected = CountVectorizer(analyzer=itself).fit(TOKENS).vocabulary_
    assert set(vectorizer.vocabulary_) == set(expected)


def test_tokens_survive_processes_memory_maps_clones_and_files(tmp_path):
    vectorizer = SequenceVectorizer(analyzer="tokens", max_len=4)
    documents = [["नमस्ते", f"word {i % 7}"] for i in range(2_100)]
    expected = clone(vectorizer).fit_transform(documents)
    vectorizer.set_params(n_jobs=2, memmap_dir=tmp_path / "ids")
    found = vectorizer.fit_transform(documents)
    assert found.vocabulary == expected.vocabulary
    np.testing.assert_array_equal(found.ids, expected.ids)
    persistence.save(vectorizer, tmp_path / "vectorizer.skops")
    loaded = persistence.load(tmp_path / "vectorizer.skops")
    np.testing.assert_array_equal(loaded.transform(documents[:9]).ids, expected.ids[:9])


def test_a_pipeline_learns_from_tokens():
    model = make_pipeline(
        SequenceVectorizer(analyzer="tokens"),
        RNNTextClassifier(hidden_size=4, lr=1e-2, max_epochs=8, linear="none", random_state=0),
    )
    model.fit([["good", "film"], ["bad", "film"]] * 40, ["+", "-"] * 40)
    assert model.predict([["good"], ["bad"]]).tolist() == ["+", "-"]


def test_bounds_of_frequency_apply_to_tokens_and_lower_case_does_not():
    vectorizer = SequenceVectorizer(analyzer="tokens", min_df=2, max_df=2)
    documents = [["a", "A", "b"], ["a", "A"], ["a", "B"]]
    assert set(vectorizer.fit(documents).vocabulary_) == {"A"}


# ---- Functions of the user's own -------------------------------------------------------------


def decoded(document):
    return document.decode("utf-16").split()


def read(path):
    return Path(path).name.split("-")


@pytest.mark.parametrize(
    ("function", "document"),
    [
        (spoken, {"said": "so good"}),
        (decoded, "so good".encode("utf-16")),
        (read, Path("so-good")),
        (vars, SimpleNamespace()),
    ],
    ids=["dict", "bytes", "path", "no list"],
)
@pytest.mark.parametrize("role", ["analyzer", "preprocessor"])
def test_functions_take_any_document(function, document, role):
    ours = {"preprocessor": function, "tokenizer": itself} if role == "preprocessor" else None
    vectorizer = SequenceVectorizer(**ours or {"analyzer": function}, max_len=None)
    if function is vars:
        with pytest.raises(TypeError, match=r"a list of tokens from the .*, got dict"):
            vectorizer.fit([document])
        return
    assert tokens_of(vectorizer, [document] * 2) == [["so", "good"]] * 2


class Token:
    def __init__(self, text):
        self.text = text


class Doc(list):
    pass


def into_objects(text):
    return Doc(map(Token, text.split()))


def into_bytes(text):
    return [word.encode() for word in text.split()]


def into_numbers(text):
    return np.arange(len(text))


def late_none(text):
    yield from ("good", "film", None)


NO_WORDS = [
    (into_objects, r"Token in .*token\.text"),
    (into_bytes, r"bytes in .*Decode"),
    (into_numbers, r"int64 in .*not their ids"),
    (late_none, r"NoneType in .*leave it out"),
    (str.lower, "got str"),
    (str.split, None),
    (set, "got set"),
    (len, "got int"),
    (dict.fromkeys, "got dict"),
    (print, "got NoneType"),
]


@pytest.mark.parametrize(("function", "message"), NO_WORDS)
@pytest.mark.parametrize("role", ["tokenizer", "analyzer"])
def test_what_is_no_list_of_str_is_refused_at_the_first(function, message, role):
    vectorizer = SequenceVectorizer(**{role: function})
    if message is None:
        assert len(vectorizer.fit(["good film"]).vocabulary_) == 2
        return
    with pytest.raises(TypeError, match=f"SequenceVectorizer: .*from the {role}.*{message}"):
        vectorizer.fit(["good film"])
    fitted = SequenceVectorizer(vocabulary=["good"], **{role: function})
    with pytest.raises(TypeError, match=message):
        fitted.transform(["good film"])


def test_processes_refuse_it_too():
    with pytest.raises(TypeError, match=r"bytes in .*Decode"):
        SequenceVectorizer(analyzer=bytes.split, n_jobs=2).fit([b"good film"])


def test_a_preprocessor_that_gives_no_text_is_refused():
    with pytest.raises(TypeError, match="expected the preprocessor to give a str, got list"):
        SequenceVectorizer(preprocessor=str.split).fit(["good film"])


class Loud(str):
    __slots__ = ()

    def __str__(self):
        return "loud"


def test_subclasses_of_str_are_words_and_become_plain():
    vectorizer = SequenceVectorizer(analyzer=lambda text: [Loud("good"), np.str_("film")])
    vectorizer.fit(["anything"])
    assert vectorizer.vocabulary_ == {"film": 2, "good": 3}
    assert {type(word) for word in vectorizer.vocabulary_} == {str}


# ---- One spelling for one word ---------------------------------------------------------------


ACCENTED = ["Café déjà vu, ĳs", "फ़िल्म बुरी", "한국어 영화", "Việt Nam rất đẹp", "J\u030c ŵyr"]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"analyzer": "char"},
        {"analyzer": "char_wb"},
        {"analyzer": str.split},
        {"tokenizer": str.split},
        {"preprocessor": str.upper},
        {"token_pattern": r"\S+"},
        {"strip_accents": "unicode"},
        {"normalize": "NFKC"},
        {"normalize": "NFD"},
    ],
)
@given(st.lists(st.text(max_size=12), max_size=4))
@settings(deadline=None, max_examples=15)
def test_composed_and_decomposed_texts_give_the_same_tokens(parameters, texts):
    analyze = SequenceVectorizer(**parameters).build_analyzer()
    form = parameters.get("normalize", "NFC")
    for text in [*ACCENTED, *texts]:
        tokens = analyze(normalize("NFC", text))
        assert tokens == analyze(normalize("NFD", text))
        assert tokens == [normalize(form, token) for token in tokens]


def test_tokens_and_vocabulary_and_stop_words_are_spelled_alike():
    decomposed, composed = (normalize(form, "café olé") for form in ("NFD", "NFC"))
    for mine, yours in ((decomposed, composed), (composed, decomposed)):
        vectorizer = SequenceVectorizer(vocabulary=mine.split(), max_len=2)
        assert vectorizer.transform([yours]).ids.tolist() == [[2, 3]]
        tokens = SequenceVectorizer(vocabulary=mine.split(), max_len=2, analyzer="tokens")
        assert tokens.transform([yours.split()]).ids.tolist() == [[2, 3]]
        stopped = SequenceVectorizer(stop_words=mine.split()).fit([f"{yours} good"])
        assert stopped.vocabulary_ == {"good": 2}


def test_normalization_can_be_switched_off():
    texts = [normalize("NFD", "café"), "café"]
    assert len(SequenceVectorizer(normalize=None).fit(texts).vocabulary_) == 2
    assert len(SequenceVectorizer().fit(texts).vocabulary_) == 1
    assert SequenceVectorizer(normalize="NFKC").fit(["ﬁlm ＯＫ"]).vocabulary_ == {
        "film": 2,
        "ok": 3,
    }


def test_lower_case_that_could_be_composed_is():
    assert set(SequenceVectorizer().fit(["J\u030c H\u0331"]).vocabulary_) == {"ǰ", "ẖ"}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_vectors_are_found_whatever_form_the_file_has(form, tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text(f"{normalize(form, 'café')} 1 2\nnoir 2 1\n", "utf-8")
    for vocabulary_form in ("NFC", "NFD"):
        vectorizer = SequenceVectorizer(normalize=vocabulary_form)
        model = make_pipeline(vectorizer, PretrainedEmbedding(path)).fit(["café noir"])
        assert model[-1].coverage_.tokens == 1.0
        for asked in ("NFC", "NFD"):
            ((word, _),) = model[-1].most_similar(normalize(asked, "café"))
            assert word == "noir"


@pytest.mark.parametrize("n", [1_000, 100_000])
def test_marks_without_end_are_put_in_order_in_time_that_grows_with_them(n):
    text = "a" + "\u0301\u0323" * n
    (word,) = SequenceVectorizer().build_analyzer()(text)
    assert len(word) < 1.1 * len(text)
    assert to_normal_form("NFC", word) == word


# ---- Models of before ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def former():
    return joblib.load(SAVED_MODELS / "format-1.joblib")[0]


@given(st.text(st.characters(exclude_categories=()), max_size=40))
@settings(deadline=None)
def test_saved_models_read_texts_as_when_they_were_saved(former, text):
    expected = CountVectorizer(token_pattern=FORMER_PATTERN).build_analyzer()(text)
    assert former.build_analyzer()(text) == expected


def test_saved_models_can_be_cloned_and_fitted_as_they_were(former):
    assert (former.normalize, former.max_df) == (None, 1.0)
    again = clone(former).set_params(tokenizer=str.split).fit(["good caf\u0065\u0301"])
    assert again.vocabulary_ == {"cafe\u0301": 2, "good": 3}


# ---- Warnings --------------------------------------------------------------------------------


def unused(vectorizer, **parameters):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vectorizer(**parameters).fit(["good film"])
    assert all(warning.category is UserWarning for warning in caught)
    return {
        str(warning.message).split("'")[1]
        for warning in caught
        if "will not be used" in str(warning.message)
    }


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "analyzer": st.sampled_from(["word", "char", "char_wb", str.split]),
            "tokenizer": st.just(str.split),
            "token_pattern": st.just(r"\w+"),
            "stop_words": st.just(["bad"]),
            "preprocessor": st.just(str.lower),
        },
    )
)
@settings(deadline=None, max_examples=40)
def test_parameters_that_will_not_be_used_are_those_of_countvectorizer(parameters):
    # Its default pattern would be one that is not used, where there is a tokenizer.
    as_ours = {"token_pattern": None} if "tokenizer" in parameters else {}
    theirs = unused(CountVectorizer, **as_ours | parameters)
    assert unused(SequenceVectorizer, **parameters) == theirs


def test_stop_words_that_texts_never_give_are_warned_of_when_fitting_only():
    vectorizer = SequenceVectorizer(stop_words=["well-known", "the"])
    with pytest.warns(UserWarning, match=r"stop_words may be inconsistent.*\['known', 'well'\]"):
        vectorizer.fit(["a well known film"])
    vectorizer.transform(["the film"])
    SequenceVectorizer(stop_words="english").fit(["a well known film"])


# ---- Long texts ------------------------------------------------------------------------------


_ODD = (
    "aZ0_ \t\n'.,-\"\u00a0\u00b4\u0301\u0308\u05d0\u03a3\u0131\u00ad\u200d\u2028"
    "\u3000\uac00\u1161\U0001f600"
)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"normalize": "NFKC", "strip_accents": "unicode"},
        {"normalize": "NFKD", "stop_words": ["a", "z"]},
        {"analyzer": "char"},
        {"analyzer": "char", "normalize": "NFKC", "lowercase": False},
        {"analyzer": "char_wb", "normalize": "NFD", "strip_accents": "ascii"},
        {"preprocessor": str.swapcase},
        {"token_pattern": r"(?s)a.*?z"},
        {"tokenizer": str.splitlines},
        {"strip_accents": str.title},
    ],
)
@given(text=st.text(st.sampled_from(_ODD)) | st.text(st.sampled_from("a' \n.")))
def test_the_tokens_of_a_long_text_are_those_of_the_whole(parameters, text):
    analyze = SequenceVectorizer(**parameters).build_analyzer()
    whole = analyze(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_analysis, "_PIECE", 2)  # any text is a long one
        assert analyze(text) == whole
        assert list(analyze.lazily(text)) == whole
