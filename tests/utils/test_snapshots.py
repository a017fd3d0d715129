"""While an estimator is fitted anew, each answer is all the former model's or the new one's."""

import itertools
import sys
import threading
from copy import deepcopy
from importlib.util import find_spec

import joblib
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer
from sklearn_rnn.embeddings import PretrainedEmbedding, Word2VecEmbedding
from small_models import ONE_EPOCH

needs_gensim = pytest.mark.skipif(find_spec("gensim") is None, reason="needs gensim")

FEW = ["a good film", "so bad", "good", "bad bad film"] * 3
MANY = ["the wine tastes of plums", "a film of wine", "plums, plums", "so bad a wine", "good"] * 3
ASKED = ["good wine", "so bad", "plums of film, the film"]
rng = np.random.default_rng(0)
X = rng.integers(2, 9, (12, 4))
WIDER = rng.integers(2, 60, (15, 4))


class Case:
    """An estimator, two data sets to fit it to, and what it is asked."""

    def __init__(self, estimator, first, second, *questions):
        self.estimator, self.data, self.questions = estimator, (first, second), questions

    def answers(self, estimator=None):
        asked = self.estimator if estimator is None else estimator
        return [contents(getattr(asked, method)(argument)) for method, argument in self.questions]

    def fit(self, i):
        self.estimator.fit(*self.data[i])
        return self

    def known(self):
        """Return the answers of both models, which differ in each of them."""
        both = [self.fit(i).answers() for i in (1, 0)][::-1]
        assert not any(same(ours, theirs) for ours, theirs in zip(*both, strict=True))
        return both


def contents(answer):
    if hasattr(answer, "vocabulary"):  # token sequences
        vectors = answer.vectors
        return [answer.ids, answer.vocabulary, np.zeros(0) if vectors is None else vectors]
    return [answer.columns.tolist(), answer.to_numpy()] if hasattr(answer, "columns") else [answer]


def same(ours, theirs):
    return all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def classifier():
    methods = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform")
    few, many = ["no", "yes"] * 6, [10, 20, 30] * 5
    questions = [(method, X) for method in methods]
    return Case(RNNTextClassifier(**ONE_EPOCH), (X, few), (WIDER, many), *questions)


def flattened():
    pytest.importorskip("pandas")
    model = RNNTextClassifier(**ONE_EPOCH, pooling="flatten").set_output(transform="pandas")
    return Case(model, (X, [0, 1] * 6), (WIDER, [0, 1, 2] * 5), ("transform", X))


def regressor():
    return Case(
        RNNTextRegressor(**ONE_EPOCH),
        (X, np.linspace(0, 1, 12)),
        (WIDER, np.linspace(1_000, 2_000, 15)),
        ("predict", X),
    )


def vectorizer():
    return Case(SequenceVectorizer(max_len=None), (FEW,), (MANY,), ("transform", ASKED))


CASES = {
    "classifier": classifier,
    "flattened, as a data frame": flattened,
    "regressor": regressor,
    "vectorizer": vectorizer,
}


@pytest.fixture
def eager_threads():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def asked_meanwhile(case, n_fits, n_answers):
    """Return what two other threads were answered while an estimator was fitted anew.

    It is fitted ``n_fits`` times, and further until they have had ``n_answers``: how many they get
    in one fit depends on the machine.
    """
    done, found, errors = threading.Event(), [], []

    def ask():
        try:
            while not done.is_set():
                found.append(case.answers())
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for i in itertools.count():
            case.fit(1 - i % 2)
            if errors or (i + 1 >= n_fits and len(found) >= n_answers):
                break
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert errors == []
    return found


@pytest.mark.parametrize("name", CASES)
def test_each_answer_during_a_fit_is_one_of_the_two_models(eager_threads, name):
    case = CASES[name]()
    known = case.known()
    for answers in asked_meanwhile(case, n_fits=16, n_answers=11):
        for place, answer in enumerate(answers):
            assert any(same(answer, of_one[place]) for of_one in known)


# ---- The same without chance: the fit begins in the midst of the answer -------------------------


class FittedMeanwhile:
    """What is asked about; when it is read, another thread has just ended a fit."""

    def __init__(self, values, fit):
        self.values, self.fit = values, fit

    def __array__(self, dtype=None, copy=None):
        self.fit()
        return np.array(self.values, dtype)

    def __iter__(self):
        self.fit()
        return iter(self.values)


@pytest.mark.parametrize("name", [name for name in CASES if name != "vectorizer"])
def test_an_answer_that_has_begun_ends_with_the_model_it_began_with(name):
    case = CASES[name]()
    known = case.known()
    for place, (method, argument) in enumerate(case.questions):
        case.fit(0)
        asked = FittedMeanwhile(argument, lambda: case.fit(1))
        assert same(contents(getattr(case.estimator, method)(asked)), known[0][place])
        assert same(case.answers()[place], known[1][place])


def test_texts_whose_reading_takes_time_are_all_read_with_one_vocabulary():
    case = vectorizer()
    known = case.known()
    found = case.estimator.transform(FittedMeanwhile(ASKED, lambda: case.fit(1)))
    assert same(contents(found), known[0][0])


def test_texts_that_are_fitted_keep_the_ids_of_their_own_fit():
    case = vectorizer()
    expected = contents(case.estimator.fit_transform(FEW))
    found = case.estimator.fit_transform(FittedMeanwhile(FEW, lambda: case.fit(1)))
    assert same(contents(found), expected)
    assert tuple(case.estimator.vocabulary_) == found.vocabulary[2:]


@needs_gensim
@pytest.mark.parametrize("kind", ["word2vec", "pretrained"])
def test_vectors_and_vocabulary_of_an_embedding_change_together(kind):
    few, many = (SequenceVectorizer(max_len=5).fit_transform(texts) for texts in (FEW, MANY))
    source = {word: rng.normal(size=3) for word in {*few.vocabulary, *many.vocabulary}}
    step = (
        Word2VecEmbedding(vector_size=3, epochs=1, random_state=0)
        if kind == "word2vec"
        else PretrainedEmbedding(source)
    )
    seen = []

    class Watched(type(step)):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            seen.append(observed())

    def observed():
        words, table = (vars(step).get(name) for name in ("vocabulary_", "vectors_"))
        return None if words is None and table is None else (len(words or ()), len(table))

    step.__class__ = Watched
    for sequences in (few, many, few):
        step.fit(sequences)
        seen.append(observed())
    assert {None, *((len(s.vocabulary),) * 2 for s in (few, many))} >= set(seen)


# ---- What else is to be whole -------------------------------------------------------------------


def test_copies_and_files_made_during_a_fit_hold_one_model(eager_threads, tmp_path):
    case = classifier()
    known, copies, done = case.known(), [], threading.Event()

    def copy():
        while not done.is_set():
            copies.append(deepcopy(case.estimator))
            joblib.dump(case.estimator, tmp_path / "model.joblib")
            copies.append(joblib.load(tmp_path / "model.joblib"))

    thread = threading.Thread(target=copy)
    thread.start()
    for i in range(10):
        case.fit(1 - i % 2)
    done.set()
    thread.join()
    assert len(copies) > 10
    for each in copies:
        answers = case.answers(each)
        assert any(all(map(same, answers, of_one)) for of_one in known)
        assert len(each.classes_) == answers[1][0].shape[1]


@pytest.mark.parametrize("goes_on", ["warm_start", "partial_fit"])
def test_a_fit_that_goes_on_changes_its_model_at_the_end(goes_on):
    y = [0, 1] * 6
    model = RNNTextClassifier(**ONE_EPOCH, warm_start=goes_on == "warm_start").fit(X, y)
    before, during = model.predict_proba(X), []
    fit = model.partial_fit if goes_on == "partial_fit" else model.fit
    fit(FittedMeanwhile(X, lambda: during.append(model.predict_proba(X))), y)
    np.testing.assert_array_equal(during[0], before)
    assert not np.array_equal(model.predict_proba(X), before)
    assert model.n_iter_ == len(model.history_["train_loss"]) == 2


def test_an_interrupt_leaves_the_estimator_as_it_was():
    case = classifier().fit(0)
    before, answers = dict(vars(case.estimator)), case.answers()

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        case.estimator.fit(FittedMeanwhile(WIDER, interrupt), case.data[1][1])
    assert vars(case.estimator) == before
    assert all(map(same, case.answers(), answers))


def test_a_parameter_that_is_set_during_a_fit_stays():
    case = classifier()
    model = case.estimator
    model.fit(FittedMeanwhile(X, lambda: model.set_params(batch_size=7)), case.data[0][1])
    assert model.batch_size == 7


def test_names_of_columns_go_with_the_fit_that_had_them():
    pd = pytest.importorskip("pandas")
    model = RNNTextClassifier(**ONE_EPOCH).fit(pd.DataFrame(X, columns=list("abcd")), [0, 1] * 6)
    assert list(model.feature_names_in_) == list("abcd")
    assert not hasattr(model.fit(X, [0, 1] * 6), "feature_names_in_")


@pytest.mark.parametrize("embeds", [False, pytest.param(True, marks=needs_gensim)])
def test_a_pipeline_that_is_fitted_anew_mixes_nothing_in_silence(eager_threads, embeds):
    steps = [Word2VecEmbedding(vector_size=4, epochs=1, random_state=0)] if embeds else []
    model = make_pipeline(SequenceVectorizer(max_len=5), *steps, RNNTextClassifier(**ONE_EPOCH))
    data = (FEW, ["no", "yes"] * 6), (MANY, [10, 20, 30] * 5)
    known = [model.fit(*each).predict_proba(ASKED) for each in data]
    done, found, refused = threading.Event(), [], []

    def ask():
        while not done.is_set():
            try:
                found.append(model.predict_proba(ASKED))
            except ValueError as error:
                refused.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    for i in range(8):
        model.fit(*data[i % 2])
    done.set()
    thread.join()
    assert all("another vocabulary" in message for message in refused)
    assert all(any(np.array_equal(each, one) for one in known) for each in found)
