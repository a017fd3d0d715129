"""Teacher and student: any parts, no leaks, equal bits, and what cannot be learned from."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.semi_supervised import SelfTrainingClassifier

from sklearn_rnn import (
    PretrainedEmbedding,
    RNNTextClassifier,
    SequenceVectorizer,
    TeacherStudentClassifier,
)
from sklearn_rnn.persistence import load, save
from sklearn_rnn.semi_supervised import LabelledSplit

GOOD, BAD = ["good", "fine", "great", "lovely"], ["bad", "poor", "awful", "dull"]
REST = ["film", "plot", "actor", "scene", "music", "end"]


def reviews(n_texts, n_labelled, seed=0, marker=-1, labels=(0, 1)):
    """Return texts of words of one side and of no side, most of them without a label."""
    rng = np.random.default_rng(seed)
    side = np.arange(n_texts) % 2
    texts = [
        " ".join(rng.permutation([*rng.choice((BAD, GOOD)[s], 2), *rng.choice(REST, 3)]))
        for s in side
    ]
    truth = np.array(labels)[side]
    y = truth.astype(object)
    y[n_labelled:] = marker
    return texts, np.array(y.tolist()), truth


def small_network(**parameters):
    sizes = {"hidden_size": 4, "embedding_dim": 4, "max_epochs": 5, "random_state": 0}
    return RNNTextClassifier(**sizes | parameters)


def linear(weight=1.0):
    return make_pipeline(TfidfVectorizer(), LogisticRegression(C=weight))


def vectors():
    """Return vectors that tell good from bad words, as if learned from many texts."""
    rng = np.random.default_rng(0)
    sides = {word: side for side, words in ((1, GOOD), (-1, BAD), (0, REST)) for word in words}
    return {word: [side, *rng.normal(size=3)] for word, side in sides.items()}


SMALL = {
    "embedding": PretrainedEmbedding(vectors()),
    "student": small_network(),
    "random_state": 0,
}


@pytest.fixture(scope="module")
def few():
    return reviews(240, 12)


@pytest.fixture(scope="module")
def fitted(few):
    texts, y, _ = few
    return TeacherStudentClassifier(**SMALL).fit(texts, y)


def test_it_learns_words_that_no_labelled_text_has():
    texts, y, truth = reviews(400, 6)
    known = " ".join(texts[:6])
    model = TeacherStudentClassifier(**SMALL).fit(texts, y)
    unknown = [word for word in (*GOOD, *BAD) if word not in known]
    assert unknown
    assert model.score(texts, truth) > 0.9 > linear().fit(texts[:6], truth[:6]).score(texts, truth)
    assert model.score(unknown, [int(word in GOOD) for word in unknown]) == 1


PARTS = {
    "two pipelines": (linear(), linear()),
    "a pipeline and a network": (linear(), small_network()),
    "a network and a pipeline": (small_network(), linear()),
    "two networks": (small_network(), small_network(cell="gru")),
    "probabilities": (make_pipeline(CountVectorizer(), MultinomialNB()), linear()),
    "the default teacher": (None, linear()),
}


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_teacher_and_student_may_be_any_classifiers(few, parts):
    texts, y, truth = few
    teacher, student = parts
    model = TeacherStudentClassifier(**SMALL | {"teacher": teacher, "student": student})
    model.fit(texts, y)
    assert model.classes_.tolist() == [0, 1]
    assert model.predict_proba(texts).shape == (240, 2)
    assert model.score(texts, truth) > 0.8
    is_encoded = any(part is None or hasattr(part, "cell") for part in parts)
    assert (model.encoder_ is not None) == is_encoded


@pytest.mark.parametrize(
    ("labels", "marker"), [((0, 1), -1), (("neg", "pos"), ""), (("neg", "pos"), None)]
)
def test_labels_of_any_type_come_back(labels, marker):
    texts, y, truth = reviews(120, 12, marker=marker, labels=labels)
    model = TeacherStudentClassifier(linear(), linear()).fit(texts, y)
    assert model.classes_.tolist() == list(labels)
    assert model.predict(texts).dtype.kind == truth.dtype.kind
    assert model.score(texts, y) == model.score(texts[:12], truth[:12])


def test_several_classes():
    rng = np.random.default_rng(0)
    words = [["red", "rose"], ["blue", "sky"], ["green", "leaf"]]
    truth = np.arange(150) % 3
    texts = [" ".join(rng.permutation([*words[c], *rng.choice(REST, 2)])) for c in truth]
    y = np.where(np.arange(150) < 12, truth, -1)
    model = TeacherStudentClassifier(linear(), linear()).fit(texts, y)
    assert model.score(texts, truth) > 0.95
    np.testing.assert_allclose(model.class_prior_, 1 / 3)


def test_equal_seeds_give_equal_bits_and_leave_global_generators_alone(few):
    texts, y, _ = few
    before = np.random.get_state()[1].copy()
    models = [TeacherStudentClassifier(random_state=seed) for seed in (0, 0, 1)]
    answers = [model.fit(texts, y).predict_proba(texts) for model in models]
    np.testing.assert_array_equal(answers[0], answers[1])
    assert (answers[0] != answers[2]).any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)


class Spy(LogisticRegression):
    """Remembers what it was fitted to."""

    seen = []

    def fit(self, X, y, sample_weight=None):
        Spy.seen.append((X.shape[0], np.array(y), sample_weight))
        return super().fit(X, y, sample_weight)


def test_the_teacher_sees_labelled_texts_and_the_student_all_with_weights(few):
    texts, y, _ = few
    Spy.seen.clear()
    parts = [make_pipeline(TfidfVectorizer(), Spy()) for _ in range(2)]
    TeacherStudentClassifier(*parts, labelled_weight=5).fit(texts, y)
    (n_taught, labels, no_weights), (n_all, all_labels, weights) = Spy.seen
    assert (n_taught, n_all, no_weights) == (12, 240, None)
    np.testing.assert_array_equal(labels, y[:12])
    np.testing.assert_array_equal(all_labels[:12], y[:12])
    assert set(all_labels) == {0, 1}
    np.testing.assert_array_equal(weights, np.where(y == -1, 1, 5))


def test_a_students_labels_have_the_shares_that_are_known(few):
    texts, y, _ = few
    Spy.seen.clear()
    student = make_pipeline(TfidfVectorizer(), Spy())
    TeacherStudentClassifier(linear(), student, class_prior=[0.25, 0.75]).fit(texts, y)
    taught = Spy.seen[-1][1][12:]
    assert taught.mean() == pytest.approx(0.75, abs=0.02)


def test_no_label_that_is_held_out_leaks(few):
    """Neither into training, nor by the texts without a label into the score."""
    texts, y, truth = few
    y = y.copy()
    y[:40] = truth[:40]
    for train, test in LabelledSplit(4).split(texts, y):
        Spy.seen.clear()
        flipped = y.copy()
        flipped[test] = -1
        model = TeacherStudentClassifier(linear(), make_pipeline(TfidfVectorizer(), Spy()))
        expected = model.fit([texts[i] for i in train], y[train]).predict([texts[i] for i in test])
        assert Spy.seen[-1][0] == len(train) == 240 - len(test)
        again = clone(model).fit([texts[i] for i in train], flipped[train])
        np.testing.assert_array_equal(again.predict([texts[i] for i in test]), expected)


def test_a_search_scores_labelled_texts_alone(few):
    texts, y, truth = few
    y = y.copy()
    y[:40] = truth[:40]
    model = TeacherStudentClassifier(linear(), linear())
    grid = {"labelled_weight": [1, 3], "teacher__logisticregression__C": [0.1, 1]}
    search = GridSearchCV(model, grid, cv=LabelledSplit(4), error_score="raise").fit(texts, y)
    assert search.best_score_ > 0.9
    assert search.predict(texts).shape == (240,)


def test_rounds_end_when_held_out_texts_say_so(few):
    texts, y, truth = few
    y = y.copy()
    y[:60] = truth[:60]
    parts = {"teacher": linear(), "student": linear(), "random_state": 0}
    model = TeacherStudentClassifier(**parts, n_rounds=5, early_stopping=True).fit(texts, y)
    scores = model.validation_scores_
    assert 2 <= len(scores) <= 5
    assert all(before < after for before, after in pairwise(scores[:-1]))
    plain = TeacherStudentClassifier(**parts, n_rounds=2).fit(texts, y)
    assert plain.validation_scores_ == []


def test_a_model_is_saved_without_training_texts(fitted, few, tmp_path):
    texts, *_ = few
    save(fitted, tmp_path / "model.skops")
    again = load(tmp_path / "model.skops")
    np.testing.assert_array_equal(again.predict_proba(texts), fitted.predict_proba(texts))
    assert not hasattr(fitted, "teacher_")


def test_a_pipeline_may_go_before_it(few):
    texts, y, truth = few
    last = TeacherStudentClassifier(linear(), linear())
    model = make_pipeline(FunctionTransformer(_lower), last)
    assert model.fit(texts, y).score(texts, truth) > 0.8


def _lower(texts):
    return [text.lower() for text in texts]


def test_texts_may_be_lists_of_tokens_or_an_array_or_a_generator(few):
    texts, y, _ = few
    expected = TeacherStudentClassifier(**SMALL).fit(texts, y).predict_proba(texts)
    tokens = [text.split() for text in texts]
    model = TeacherStudentClassifier(**SMALL, vectorizer=SequenceVectorizer(analyzer="tokens"))
    np.testing.assert_array_equal(model.fit(tokens, y).predict_proba(tokens), expected)
    for same in (np.array(texts), iter(texts)):
        model = TeacherStudentClassifier(**SMALL).fit(same, y)
        np.testing.assert_array_equal(model.predict_proba(texts), expected)


REFUSED = {
    "no label": ([-1] * 12, {}, "no text has a label"),
    "one class": ([0] * 6 + [-1] * 6, {}, "all labelled texts have the label"),
    "classes of 1 and -1": ([1, -1] * 6, {}, "If -1 is a label of yours"),
    "numbers": ([0.5, 1.5, 2.5] * 4, {}, "Unknown label type"),
    "shares": ([0, 1, -1] * 4, {"class_prior": [0.5, 0.2, 0.3]}, "class_prior must have 2 shares"),
    "no vectors": ([0, 1, -1] * 4, {"embedding": "passthrough", "teacher": None}, "word vectors"),
    "too few to hold out": ([0, 1, -1] * 4, {"early_stopping": True}, "too few to hold out"),
    "no weights": (
        [0, 1, -1] * 4,
        {"student": make_pipeline(TfidfVectorizer(), KNeighborsClassifier(1))},
        "takes no sample_weight",
    ),
    "too few labels": ([0, 1], {}, "inconsistent numbers of samples"),
    "weights": ([0, 1, -1] * 4, {"labelled_weight": 0}, "labelled_weight"),
    "shares of others": ([0, 1, -1] * 4, {"class_prior": {0: 0.5, 2: 0.5}}, "expected those of"),
    "a frozen teacher of others": (
        ["a", "b", ""] * 4,
        {"teacher": FrozenEstimator(linear().fit(["so", "good"], ["b", "c"]))},
        "the teacher knows the classes",
    ),
    "several kinds": (["a", 1, None] * 4, {}, "labels of one kind"),
}


@pytest.mark.parametrize(("y", "parameters", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_learned_from_is_refused_and_nothing_is_changed(y, parameters, message):
    texts = reviews(12, 12)[0]
    model = TeacherStudentClassifier(linear(), linear()).fit(texts, [0, 1, -1] * 4)
    before = model.predict_proba(texts)
    model.set_params(**parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(texts, y)
    np.testing.assert_array_equal(model.predict_proba(texts), before)


@pytest.mark.parametrize("kind", [list, dict, pd.Series])
def test_shares_are_given_in_the_order_of_the_classes_or_by_their_labels(few, kind):
    texts, y, _ = few
    prior = [0.2, 0.8] if kind is list else kind({1: 0.8, 0: 0.2})
    model = TeacherStudentClassifier(linear(), linear(), class_prior=prior).fit(texts, y)
    assert model.class_prior_.tolist() == [0.2, 0.8]


@pytest.mark.parametrize("part", [linear, lambda: None])
def test_a_text_of_weight_0_is_left_out(few, part):
    texts, y, _ = few
    weights = np.where(np.arange(240) % 3 == 1, 0.0, 1.0)
    kept = np.flatnonzero(weights)
    model = TeacherStudentClassifier(**SMALL | {"teacher": part()})
    weighted = clone(model).fit(texts, y, sample_weight=weights)
    fewer = clone(model).fit([texts[i] for i in kept], y[kept])
    np.testing.assert_array_equal(weighted.predict_proba(texts), fewer.predict_proba(texts))
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        model.fit(texts, y, sample_weight=-weights)


def test_labelled_texts_without_words_do_no_harm_but_one_needs_some(few):
    texts, y, truth = few
    some = ["" if i in (2, 3, 4, 5) else text for i, text in enumerate(texts)]
    assert TeacherStudentClassifier(**SMALL).fit(some, y).score(texts, truth) > 0.8
    none = [*[""] * 12, *texts[12:]]
    with pytest.raises(ValueError, match="none of the 12 labelled texts has a word"):
        TeacherStudentClassifier(**SMALL).fit(none, y)


def test_an_ensemble_without_length_may_be_a_student(few):
    _, y, truth = few
    X = np.stack([truth, np.arange(240) % 7], axis=1)
    model = TeacherStudentClassifier(
        LogisticRegression(), RandomForestClassifier(5, random_state=0)
    )
    assert model.fit(X, y).score(X, truth) == 1


def test_a_score_reads_texts_once_and_needs_as_many_labels(fitted, few):
    texts, y, _ = few
    assert fitted.score(iter(texts), y) == fitted.score(texts, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fitted.score(texts, y[:9])


def test_a_score_needs_a_label(fitted):
    with pytest.raises(ValueError, match="no text has a label"):
        fitted.score(["good"], [-1])


def test_all_texts_may_have_a_label(few):
    texts, _, truth = few
    model = TeacherStudentClassifier(linear(), linear()).fit(texts, truth)
    assert model.score(texts, truth) == 1


def test_progress_is_told(few, capsys):
    texts, y, _ = few
    TeacherStudentClassifier(**SMALL, verbose=1).fit(texts, y)
    told = capsys.readouterr().err
    assert "word vectors of 240 texts" in told
    assert "the teacher learns from 12 texts" in told
    assert "the student learns from 240 texts" in told


def test_scikit_learns_self_training_labels_texts_around_a_network(few):
    texts, y, truth = few
    ids = SequenceVectorizer(max_len=10).fit_transform(texts).ids
    model = SelfTrainingClassifier(small_network(), max_iter=2).fit(ids, y)
    assert model.score(ids, truth) > 0.6
