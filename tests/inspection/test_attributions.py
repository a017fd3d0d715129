"""What a network read and what it forgot, in numbers that add up."""

import itertools
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer, TokenSequences
from sklearn_rnn._network.linear import TfidfLinear
from sklearn_rnn._network.network import RecurrentNetwork
from sklearn_rnn.datasets import make_reviews
from sklearn_rnn.embeddings import PretrainedEmbedding, Word2VecEmbedding
from sklearn_rnn.inspection import (
    memory_profile,
    most_similar,
    recurrent_spectrum,
    token_attributions,
)
from sklearn_rnn.inspection._jacobians import OUTPUTS, jacobian_norms

TEXTS, LABELS = make_reviews(120, n_filler=(0, 2), random_state=0)
QUICK = {"hidden_size": 4, "embedding_dim": 4, "max_epochs": 3, "random_state": 0}
METHODS = ["integrated_gradients", "occlusion"]


def fitted(estimator, y=LABELS):
    return make_pipeline(SequenceVectorizer(max_len=60), estimator).fit(TEXTS, y)


@pytest.fixture(scope="module")
def model():
    return fitted(RNNTextClassifier(**QUICK))


@pytest.fixture(scope="module")
def many_classes():
    return fitted(RNNTextClassifier(**QUICK), np.array(["a", "b", "c"])[np.arange(120) % 3])


# ---- Attributions ----------------------------------------------------------------------------

WAYS_TO_READ = [
    dict(zip(("cell", "pooling", "linear"), way, strict=True))
    for way in itertools.product(("rnn", "gru", "lstm"), ("max", "last"), ("none", "pairs"))
] + [{"pooling": "attention"}, {"num_layers": 2, "pooling": "mean"}, {"pooling": "flatten"}]


@pytest.mark.parametrize("way", WAYS_TO_READ, ids=lambda way: "-".join(map(str, way.values())))
def test_integrated_gradients_add_up_to_the_difference_of_the_logits(way):
    pytest.importorskip("captum")
    found = token_attributions(fitted(RNNTextClassifier(**QUICK | way)), TEXTS[:20])
    gaps = found.logits - found.baseline_logits
    sums = [values.sum() for values in found.values]
    np.testing.assert_array_less(np.abs(sums - gaps), 0.01 * np.abs(gaps).clip(min=0.1))


@pytest.mark.parametrize(
    "kind", ["many classes", "several labels", "numbers", "vectors", "nested", "search"]
)
def test_every_kind_of_model_is_explained_in_full(kind):
    pytest.importorskip("captum")
    reader = RNNTextClassifier(**QUICK)
    y = {
        "many classes": np.arange(120) % 3,
        "several labels": np.eye(3, dtype=int)[np.arange(120) % 3],
        "numbers": np.arange(120) / 7,
    }.get(kind, LABELS)
    if kind == "numbers":
        model = fitted(RNNTextRegressor(**QUICK), y)
    elif kind in ("vectors", "nested"):
        pytest.importorskip("gensim")
        rest = [Word2VecEmbedding(vector_size=4, epochs=1, random_state=0), reader]
        steps = [make_pipeline(*rest)] if kind == "nested" else rest
        model = make_pipeline(SequenceVectorizer(max_len=60), *steps).fit(TEXTS, y)
    elif kind == "search":
        model = GridSearchCV(fitted(reader), {"rnntextclassifier__cell": ["gru"]}, cv=2)
        model.fit(TEXTS, y)
    else:
        model = fitted(reader, y)
    target = 1 if kind == "several labels" else None
    found = token_attributions(model, (text for text in TEXTS[:20]), target=target)
    gaps = found.logits - found.baseline_logits
    sums = [values.sum() for values in found.values]
    np.testing.assert_array_less(np.abs(sums - gaps), 0.01 * np.abs(gaps).clip(min=0.1))


@pytest.fixture(scope="module")
def reader():
    """A model that is always right, by order alone: a linear model would live on hints too."""
    texts, labels = make_reviews(3_000, n_filler=(1, 3), random_state=0)
    classifier = RNNTextClassifier(
        cell="gru", hidden_size=24, embedding_dim=24, max_epochs=7, linear="none", random_state=0
    )
    return make_pipeline(SequenceVectorizer(max_len=90), classifier).fit(texts, labels)


@pytest.mark.parametrize("method", METHODS)
def test_the_words_that_decide_rank_first(reader, method):
    pytest.importorskip("captum")
    texts, labels, spans = make_reviews(150, n_filler=(1, 3), return_spans=True, random_state=1)
    assert reader.score(texts, labels) > 0.98
    found = token_attributions(reader, texts, method=method)
    signs = np.where(reader.predict(texts) == "positive", 1, -1)
    hits = [
        decides(text, span, tokens, (sign * values).argmax())
        for text, span, tokens, values, sign in zip(
            texts, spans, found.tokens, found.values, signs, strict=True
        )
    ]
    print(f"{method}: {np.mean(hits):.1%}")
    assert np.mean(hits) >= 0.95


def decides(text, span, tokens, place):
    """Return whether the token at a place lies in the span of the deciding words."""
    start = 0
    for token in tokens[: place + 1]:
        start = text.lower().index(token, start) + len(token)
    return span[0] < start <= span[1]


@pytest.mark.parametrize("method", METHODS)
def test_a_text_is_explained_alike_in_any_company(model, method):
    pytest.importorskip("captum")
    together = token_attributions(model, TEXTS[:9], method=method, batch_size=4)
    for i, text in enumerate(TEXTS[:9]):
        alone = token_attributions(model, [text], method=method)
        assert alone.tokens[0] == together.tokens[i]
        np.testing.assert_allclose(alone.values[0], together.values[i], atol=2e-3)


def test_occlusion_is_what_the_logit_loses(model):
    pytest.importorskip("captum")
    text = TEXTS[0]
    found = token_attributions(model, [text], method="occlusion")
    words = found.tokens[0]
    for place, value in enumerate(found.values[0]):
        without = " ".join([*words[:place], "unheardof", *words[place + 1 :]])
        loss = logit(model, text) - logit(model, without)
        assert value == pytest.approx(loss, abs=1e-5)


def logit(model, text):
    share = model.predict_proba([text])[0, 1]
    return np.log(share / (1 - share))


def test_the_logits_are_those_of_the_prediction(model, many_classes):
    pytest.importorskip("captum")
    found = token_attributions(model, TEXTS[:5])
    np.testing.assert_allclose(found.logits, [logit(model, text) for text in TEXTS[:5]], atol=1e-5)
    found = token_attributions(many_classes, TEXTS[:5])
    assert found.targets == many_classes.predict(TEXTS[:5]).tolist()


def test_the_other_class_of_two_gets_the_opposite(model):
    pytest.importorskip("captum")
    first, second = (token_attributions(model, TEXTS[:3], target=c) for c in model.classes_)
    assert second.targets == ["positive"] * 3
    np.testing.assert_array_equal(first.values[1], -second.values[1])
    np.testing.assert_array_equal(first.logits, -second.logits)


def test_a_class_of_many_and_a_column_of_numbers_can_be_asked_about(many_classes):
    pytest.importorskip("captum")
    assert token_attributions(many_classes, TEXTS[:2], target="b").targets == ["b", "b"]
    two = fitted(RNNTextRegressor(**QUICK), np.stack([np.arange(120.0)] * 2, axis=1))
    assert token_attributions(two, TEXTS[:2], target=1).targets == [None, None]
    several = fitted(RNNTextClassifier(**QUICK), np.eye(3, dtype=int)[np.arange(120) % 3])
    assert token_attributions(several, TEXTS[:1], target=2).targets == [2]
    for model in (two, several):
        with pytest.raises(ValueError, match="name the column"):
            token_attributions(model, TEXTS[:1])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("truncating", ["pre", "post"])
def test_tokens_are_those_of_the_text_where_it_is_cut_or_unknown(method, truncating):
    pytest.importorskip("captum")
    vectorizer = SequenceVectorizer(max_len=3, truncating=truncating, stop_words=["the"])
    model = make_pipeline(vectorizer, RNNTextClassifier(**QUICK)).fit(TEXTS, LABELS)
    found = token_attributions(model, ["The zzz film THE was good", ""], method=method)
    expected = ["film", "was", "good"] if truncating == "pre" else ["zzz", "film", "was"]
    assert found.tokens == [expected, []]
    assert [len(values) for values in found.values] == [3, 0]


def test_nothing_is_written_to_the_model(model):
    pytest.importorskip("captum")
    before = model.predict_proba(TEXTS)
    for method in METHODS:
        token_attributions(model, TEXTS[:2], method=method)
    np.testing.assert_array_equal(model.predict_proba(TEXTS), before)
    assert all(parameter.grad is None for parameter in model[-1].net_.module_.parameters())


def test_what_cannot_be_explained_is_refused(model, monkeypatch):
    with pytest.raises(ValueError, match=r"method must be one of \['integrated_gradients', 'occ"):
        token_attributions(model, TEXTS[:1], method="magic")
    with pytest.raises(ValueError, match=r"target must be one of \['negative', 'positive'\]"):
        token_attributions(model, TEXTS[:1], target="neutral")
    with pytest.raises(TypeError, match="begins with a SequenceVectorizer, got RNNTextClassi"):
        token_attributions(model[-1], TEXTS[:1])
    with pytest.raises(ValueError, match="expected a sequence of texts, got one str"):
        token_attributions(model, TEXTS[0])
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-rnn\[inspection\]"'):
        token_attributions(model, TEXTS[:1])


@pytest.mark.parametrize("n_pairs", [0, 7])
def test_the_evidence_of_the_linear_model_is_shared_out_to_the_last_bit_of_it(n_pairs):
    rng = np.random.default_rng(0)
    linear = TfidfLinear(9, n_pairs, 3).double()
    pairs = np.sort(rng.choice(49, n_pairs, replace=False))
    keys = (pairs // 7 + 2) * 2**31 + pairs % 7 + 2
    linear.load_statistics(keys, np.r_[0, 0, rng.uniform(1, 3, 7 + n_pairs)].astype(np.float32))
    torch.nn.init.normal_(linear.weight, generator=torch.Generator().manual_seed(0))
    ids = torch.from_numpy(rng.integers(1, 9, (30, 12)))
    ids[::3, 6:] = 0
    token_contributions = linear.token_contributions(ids)
    torch.testing.assert_close(token_contributions.sum(dim=1), linear(ids))
    assert (token_contributions[::3, 7:] == 0).all()


# ---- Memory ----------------------------------------------------------------------------------


def network_of(cell, **more):
    settings = {
        "n_ids": None, "n_dimensions": 3, "n_outputs": 2, "n_places": 7, "hidden_size": 4,
        "num_layers": 1, "bidirectional": False, "pooling": "max", "input_dropout": 0.5,
        "dropout": 0.5, "linear": "none", "n_pairs": 0, "branch_dropout": 0.0,
    }  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    return RecurrentNetwork(**settings | more, cell=cell, generator=generator).double().eval()


@pytest.mark.parametrize("of", OUTPUTS)
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize(
    "more", [{}, {"bidirectional": True, "num_layers": 2, "pooling": "attention"}]
)
def test_the_norms_are_those_of_finite_differences(cell, of, more):
    network = network_of(cell, **more)
    X = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 7, 3)))
    lengths = torch.tensor([7, 4, 1])
    norms = jacobian_norms(network, OUTPUTS[of], X, lengths)
    squares, step = torch.zeros(3, 7, dtype=torch.float64), 1e-5
    with torch.no_grad():
        for t, d in itertools.product(range(7), range(3)):
            ends = []
            for sign in (1, -1):
                moved = X.clone()
                moved[:, t, d] += sign * step
                ends.append(OUTPUTS[of](network, moved.transpose(0, 1), lengths))
            squares[:, t] += ((ends[0] - ends[1]) / (2 * step)).square().sum(dim=1)
    for row, expected, length in zip(norms, squares.sqrt(), lengths, strict=True):
        torch.testing.assert_close(row[:length], expected[:length], rtol=1e-6, atol=1e-8)


def test_a_simple_rnn_forgets_and_an_lstm_does_not():
    """The lecture: of the first of a hundred inputs, a simple RNN keeps next to nothing."""
    X = np.random.default_rng(0).normal(size=(64, 100, 8)).astype(np.float32)
    y = X[:, 0, 0] > 0
    settings = {"bidirectional": False, "hidden_size": 16, "max_epochs": 1, "random_state": 0}
    left = {}
    for cell in ("rnn", "lstm"):
        model = RNNTextClassifier(cell=cell, **settings).fit(X, y)
        with torch.no_grad():  # the open gates that training for long memory leads to
            if cell == "lstm":
                model.net_.module_.layers[0].directions[0].bias[16:32] = 6
        norms = memory_profile(model, X).norms
        left[cell] = norms[99] / norms[0]
    assert left["rnn"] < 1e-4
    assert left["lstm"] > 1e-2


def test_the_profile_counts_distances_from_the_end_over_texts_that_reach_so_far(model):
    texts = ["good", "so good", "the film was so good"]
    profile = memory_profile(model, texts)
    np.testing.assert_array_equal(profile.distances, np.arange(5))
    np.testing.assert_array_equal(profile.n_texts, [3, 2, 1, 1, 1])
    alone = [memory_profile(model, [text]).norms for text in texts]
    assert profile.norms[0] == pytest.approx(np.mean([norms[0] for norms in alone]), rel=1e-5)
    assert profile.norms[4] == pytest.approx(alone[2][4], rel=1e-5)


def test_texts_and_their_sequences_give_one_profile(model):
    sequences = model[0].transform(TEXTS[:10])
    for X in (sequences, sequences.ids):
        profile = memory_profile(model[-1], X, of="logit")
        np.testing.assert_allclose(
            profile.norms, memory_profile(model, TEXTS[:10], of="logit").norms
        )


def test_what_has_no_memory_is_refused(model):
    with pytest.raises(ValueError, match=r"of must be one of \['logit', 'state'\], got 'x'"):
        memory_profile(model, TEXTS[:2], of="x")
    with pytest.raises(
        TypeError, match="memory_profile: expected a fitted classifier or regressor"
    ):
        memory_profile(model[0], TEXTS[:2])
    with pytest.raises(NotFittedError):
        memory_profile(clone(model[-1]), TEXTS[:2])


# ---- Eigenvalues -----------------------------------------------------------------------------


@pytest.mark.parametrize(("cell", "n_gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_the_spectrum_is_that_of_each_square_block(cell, n_gates):
    X = np.arange(2, 42).reshape(20, 2)
    model = RNNTextClassifier(**QUICK | {"cell": cell, "num_layers": 2}).fit(X, np.arange(20) % 2)
    spectrum = recurrent_spectrum(model)
    assert len(spectrum) == 2 * 2 * n_gates
    for layer, direction, gate, radius in spectrum:
        part = model.net_.module_.layers[layer].directions[
            ["forward", "backward"].index(direction)
        ]
        start = 4 * part.gates.index(gate)
        block = part.recurrent_weight.detach().double()[start : start + 4]
        # Gelfand: the norm of a high power tells the radius.
        power = torch.linalg.matrix_power(block, 256).norm() ** (1 / 256)
        assert radius == pytest.approx(power.item(), rel=0.05)


@pytest.mark.parametrize(("cell", "n_gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_a_new_recurrent_matrix_is_orthogonal_and_its_gates_share_that(cell, n_gates):
    X = np.arange(2, 42).reshape(20, 2)
    model = RNNTextClassifier(**QUICK | {"cell": cell, "lr": 1e-9}).fit(X, np.arange(20) % 2)
    radii = [entry.radius for entry in recurrent_spectrum(model)]
    assert len(radii) == 2 * n_gates
    if n_gates == 1:
        assert radii == pytest.approx([1.0, 1.0], abs=1e-5)
    assert max(radii) < 1 + 1e-5


# ---- Neighbours ------------------------------------------------------------------------------


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
    model = RNNTextClassifier(**QUICK | {"linear": "none"}, freeze_embedding=True)
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
