"""The linear model beside the recurrent layers, and how it and the embedding are trained."""

import itertools
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.preprocessing import normalize
from skorch.callbacks import Callback
from torch.nn import functional as F

from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, TokenSequences
from sklearn_rnn._data import batches
from sklearn_rnn._data import ngrams as _ngrams
from sklearn_rnn._data.batches import SequenceDataset, left_align
from sklearn_rnn._data.ngram_keys import PAIR
from sklearn_rnn._data.ngrams import CONSTANT, label_contrast, learn_ngrams
from sklearn_rnn._data.validation_split import split_for_validation
from sklearn_rnn._network.linear import TfidfLinear
from sklearn_rnn._network.weights import build_network
from sklearn_rnn._training.optimizers import TableOptimizer

N_IDS = 9
WORDS = tuple(map(str, range(40)))
QUICK = {"hidden_size": 4, "embedding_dim": 4, "max_epochs": 3, "random_state": 0}

ids_of_texts = st.lists(
    st.lists(st.integers(2, N_IDS - 1), min_size=1, max_size=7), min_size=2, max_size=12
)


def padded(texts, width=8):
    return np.array([[0] * (width - len(text)) + list(text) for text in texts], np.int32)


def learned(texts, kind="pairs"):
    return learn_ngrams(SequenceDataset(padded(texts)), N_IDS, kind)


def evidence_of(ngrams, n_outputs=2):
    linear = TfidfLinear(N_IDS, len(ngrams.pairs), n_outputs)
    linear.load_statistics(ngrams.pairs, ngrams.idf)
    torch.nn.init.normal_(linear.weight, generator=torch.Generator().manual_seed(0))
    return linear


def words_of(ids):
    return f"w{ids // PAIR} w{ids % PAIR}" if ids >= PAIR else f"w{ids}"


def aligned(texts):
    return torch.from_numpy(left_align(padded(texts))[0])


@pytest.fixture
def task():
    """Two words that decide, among words that do not."""
    rng = np.random.default_rng(0)
    X = rng.integers(4, 40, (160, 12))
    y = rng.integers(2, size=160)
    X[np.arange(160), rng.integers(12, size=160)] = 2 + y
    return X, y


# ---- What is counted --------------------------------------------------------------------------


@given(ids_of_texts)
def test_the_evidence_is_tf_idf_as_scikit_learn_has_it(texts):
    """Of all words, but for those of all texts, and of the pairs that two texts hold."""
    texts = [list(text) for text in {tuple(text) for text in texts}]
    ngrams = learned(texts)
    documents = [" ".join(f"w{word}" for word in text) for text in texts]
    counts = CountVectorizer(
        ngram_range=(1, 2), binary=True, token_pattern=r"\S+", lowercase=False
    )
    held = counts.fit_transform(documents)
    names, n_texts = counts.get_feature_names_out(), held.sum(axis=0).A1
    counted = [" " not in name or n > 1 for name, n in zip(names, n_texts, strict=True)]
    weights = sparse.diags(np.where(n_texts == len(texts), CONSTANT, 1))
    X = normalize((TfidfTransformer(norm=None).fit_transform(held) @ weights)[:, counted])
    linear = evidence_of(ngrams)
    ours = [words_of(word) for word in range(N_IDS)] + [words_of(int(k)) for k in ngrams.pairs]
    rows = [ours.index(name) for name in names[counted]]
    expected = X @ linear.weight.detach().numpy()[rows]
    np.testing.assert_allclose(linear(aligned(texts)).detach(), expected, atol=1e-5)


@given(ids_of_texts)
def test_it_is_the_same_whether_texts_are_counted_at_once_or_in_chunks(texts):
    whole = learned(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "_ROWS_AT_ONCE", 2)
        chunked = learned(texts)
    for ours, theirs in zip(whole, chunked, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@given(ids_of_texts, st.integers(2, 9))
def test_pairs_are_the_same_in_any_number_of_passes(texts, n_at_once):
    in_one_pass = learned(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "_ROWS_AT_ONCE", 2)
        patch.setattr(_ngrams, "_PAIRS_AT_ONCE", n_at_once)
        in_many = learned(texts)
    for ours, theirs in zip(in_one_pass, in_many, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_more_texts_the_more_pairs_are_counted_at_once(monkeypatch):
    """Or else passes over the texts would grow with their number."""
    passes = []
    monkeypatch.setattr(_ngrams, "_PAIRS_AT_ONCE", 4)
    count = _ngrams.KeyCounts
    monkeypatch.setattr(_ngrams, "KeyCounts", lambda *of: passes.append(of) or count(*of))
    twelve_pairs = np.array([[2 + n, 3 + n] for n in range(12)])
    for n_texts in (12, 40):
        texts = np.resize(twelve_pairs, (n_texts, 2))
        _ngrams._frequent_pairs(SequenceDataset(texts))
    assert [limit for _, limit in passes] == [6, 6, 6, 20]


def test_unknown_words_and_pairs_are_no_evidence():
    linear = evidence_of(learned([[2, 3], [2, 3, 4]]))
    assert not linear(aligned([[5, 6, 1]])).any()


def test_single_words_need_no_pairs():
    assert len(learned([[2, 3], [2, 3, 4]], kind="words").pairs) == 0


# ---- What labels say about it ------------------------------------------------------------------


def contrast_of(texts, labels):
    """Return the contrast of each word and pair by name: labels are of shape (N, C)."""
    ngrams = learned(texts)
    columns = sparse.csr_array(np.array(labels))
    contrast = label_contrast(SequenceDataset(padded(texts)), columns, ngrams)
    keys = [*range(N_IDS), *ngrams.pairs.tolist()]
    return {words_of(key): value for key, value in zip(keys, contrast, strict=True)}


@given(ids_of_texts, st.data())
def test_the_contrast_is_the_log_ratio_of_shares_of_texts(texts, data):
    texts = [list(text) for text in {tuple(text) for text in texts}]
    labels = [data.draw(st.lists(st.booleans(), min_size=3, max_size=3)) for _ in texts]
    found = contrast_of(texts, labels)
    for name in found:
        if name in ("w0", "w1"):
            continue
        held = np.array([name in names_in(text) for text in texts])
        ratios = [
            share_with_two_more(held[inside]) / share_with_two_more(held[~inside])
            for inside in np.transpose(labels).astype(bool)
            if inside.any() and not inside.all()
        ]
        largest = np.abs(np.log(ratios)).max(initial=0)
        assert found[name] == pytest.approx(0.1 + largest, rel=1e-5)


def names_in(text):
    words = [f"w{word}" for word in text]
    return {*words, *map(" ".join, itertools.pairwise(words))}


def share_with_two_more(held):
    return (held.sum() + 1) / (len(held) + 2)


def test_labels_that_all_texts_have_or_none_change_no_contrast():
    texts, labels = [[2, 3], [3, 4], [2, 4], [2, 3, 4]], [[0], [1], [0], [1]]
    for constant in (0, 1):
        with_constant = [[*own, constant] for own in labels]
        assert contrast_of(texts, with_constant) == contrast_of(texts, labels)


def test_the_contrast_of_equal_texts_hangs_on_no_order():
    texts, labels = [[2, 3], [2, 4]] * 4, [[0], [0], [1], [1]] * 2
    contrast = contrast_of(texts, labels)
    assert set(contrast.values()) == {np.float32(0.1)}
    assert contrast_of(texts[::-1], labels[::-1]) == contrast


def test_the_contrast_is_the_same_in_chunks_and_with_texts_twice():
    texts, labels = [[2, 3], [3, 4], [2, 4], [2, 3, 4]], [[0], [1], [0], [1]]
    whole = contrast_of(texts, labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "_ROWS_AT_ONCE", 2)
        assert contrast_of([*texts, *texts], [*labels, *labels]) == whole


@pytest.mark.parametrize("n_classes", [2, 3])
def test_naive_bayes_lets_deciding_words_weigh_more(task, n_classes):
    X, y = task
    labels = np.where((y == 1) & (X[:, 0] % 2 == 1), n_classes - 1, y)
    plain, told = (
        RNNTextClassifier(**QUICK, term_weights=by).fit(X, labels).net_.module_.linear.idf
        for by in ("idf", "naive_bayes")
    )
    assert ((plain > 0) == (told > 0)).all()
    gain = (told / plain)[2:40].numpy()
    assert set(gain.argsort()[-2:] + 2) == {2, 3}


def test_naive_bayes_takes_several_labels_at_a_time(task):
    X, y = task
    labels = np.column_stack([y, (X == 7).any(axis=1)])
    model = RNNTextClassifier(**QUICK, term_weights="naive_bayes").fit(X, labels)
    weights = model.net_.module_.linear.idf
    assert set(weights[2:40].numpy().argsort()[-3:] + 2) == {2, 3, 7}


def test_naive_bayes_ignores_texts_without_weight(task):
    X, y = task
    weights = (np.arange(len(X)) < 80).astype(float)
    settings = QUICK | {"term_weights": "naive_bayes", "max_epochs": 1}
    part = RNNTextClassifier(**settings).fit(TokenSequences(X[:80], WORDS), y[:80])
    whole = RNNTextClassifier(**settings).fit(TokenSequences(X, WORDS), y, weights)
    np.testing.assert_array_equal(part.net_.module_.linear.idf, whole.net_.module_.linear.idf)


@pytest.mark.parametrize("by", ["idf", "naive_bayes"])
def test_what_is_set_aside_is_not_counted(task, by):
    """Or else the loss that early stopping watches would be no honest one."""
    X, y = task
    settings = QUICK | {"term_weights": by, "max_epochs": 1}
    watched = RNNTextClassifier(**settings, early_stopping=True).fit(TokenSequences(X, WORDS), y)
    training, validation = split_for_validation(
        "", y, watched.validation_fraction, np.random.default_rng(watched._seed)
    )
    assert len(validation) == 16
    alone = RNNTextClassifier(**settings).fit(TokenSequences(X[training], WORDS), y[training])
    ours, theirs = (model.net_.module_.linear for model in (watched, alone))
    np.testing.assert_array_equal(ours.pairs, theirs.pairs)
    np.testing.assert_array_equal(ours.idf, theirs.idf)


# ---- In the network ---------------------------------------------------------------------------


def test_padding_changes_no_evidence(task):
    X, y = task
    wider = TokenSequences(np.pad(X, [(0, 0), (5, 3)]), WORDS)
    model = RNNTextClassifier(**QUICK).fit(TokenSequences(X, WORDS), y)
    np.testing.assert_allclose(
        model.predict_proba(wider), model.predict_proba(TokenSequences(X, WORDS)), atol=1e-6
    )


def test_the_linear_model_learns_what_single_words_say(task):
    X, y = task
    model = RNNTextClassifier(**QUICK | {"max_epochs": 8}).fit(X[:120], y[:120])
    assert model.score(X[120:], y[120:]) > 0.95
    weights = model.net_.module_.linear.weight.detach()[:, 0]
    assert weights[3] == weights.max()
    assert weights[2] == weights.min()


def test_sequences_of_vectors_have_no_linear_model():
    X = np.random.default_rng(0).normal(size=(20, 5, 3))
    model = RNNTextClassifier(**QUICK).fit(X, np.arange(20) % 2)
    assert model.net_.module_.linear is None


def test_the_summary_counts_the_linear_models_weights(task):
    X, y = task
    summary = RNNTextClassifier(**QUICK).fit(X, y).summary()
    assert summary.layers[-1].name == "Linear model"
    assert summary.total == sum(layer.n_parameters for layer in summary.layers)


def test_a_copy_knows_the_same_pairs(task):
    X, y = task
    model = RNNTextClassifier(**QUICK).fit(X, y)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.predict_proba(X), model.predict_proba(X))
    copied.partial_fit(X, y)


def test_a_search_may_choose_the_linear_model(task):
    X, y = task
    for kind, n_parts in (("none", 0), ("words", 40), ("pairs", None)):
        model = RNNTextClassifier(linear=kind, **QUICK).fit(X, y)
        linear = model.net_.module_.linear
        n_weights = 0 if linear is None else len(linear.weight)
        assert n_weights == n_parts if n_parts is not None else n_weights > 40


def test_another_linear_model_is_another_network(task):
    model = RNNTextClassifier(**QUICK, warm_start=True).fit(*task)
    with pytest.raises(ValueError, match="linear changed since the last fit"):
        model.set_params(linear="none").fit(*task)


def ids_and_lengths(X):
    return tuple(torch.from_numpy(part) for part in left_align(X.astype(np.int32)))


def test_each_branch_learns_with_the_other_and_without_it(task):
    """With a share of a quarter: half of the texts train both, a quarter trains either."""
    X, y = task
    network = RNNTextClassifier(**QUICK, dropout=0, input_dropout=0).fit(X, y).net_.module_
    sequences = ids_and_lengths(np.repeat(X[:1], 2000, axis=0))
    network.branch_dropout.p = 0.25
    recurrent = network.head(network.features(*sequences))
    linear = network.linear(sequences[0])
    logits = network.train()(*sequences)
    token_contributions = [
        torch.isclose(logits, expected).float().mean().item()
        for expected in (recurrent + linear, recurrent, linear)
    ]
    np.testing.assert_allclose(token_contributions, [0.5, 0.25, 0.25], atol=0.05)
    assert sum(token_contributions) == pytest.approx(1)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4])
def test_predictions_scale_the_recurrent_layers_by_what_was_trained_together(task, share):
    X, y = task
    model = RNNTextClassifier(**QUICK | {"branch_dropout": share}).fit(X, y)
    network, sequences = model.net_.module_, ids_and_lengths(X)
    recurrent = network.head(network.features(*sequences))
    expected = (1 - 2 * share) * recurrent + network.linear(sequences[0])
    torch.testing.assert_close(network(*sequences), expected)


class NoBranchDropout(Callback):
    """Train both branches as one."""

    def on_train_begin(self, net, **kwargs):
        net.module_.branch_dropout.p = 0.0


@pytest.mark.parametrize("changed", [{"branch_dropout": 0.1}, {"callbacks": [NoBranchDropout()]}])
def test_a_saved_model_keeps_the_share_of_its_last_training(task, changed):
    X, y = task
    model = RNNTextClassifier(**QUICK).fit(X, y)
    model.set_params(**changed).partial_fit(X, y)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.predict_proba(X), model.predict_proba(X))


# ---- Words that are as good as unknown --------------------------------------------------------


@given(ids_of_texts)
def test_a_word_is_rare_if_no_two_texts_hold_it(texts):
    n_texts = np.array([sum(word in t for t in set(map(tuple, texts))) for word in range(N_IDS)])
    rare_word_mask = learned(texts).rare_word_mask
    assert not rare_word_mask[:2].any()
    if rare_word_mask.any():
        np.testing.assert_array_equal(rare_word_mask[2:], n_texts[2:] < 2)
        assert 2 * n_texts[n_texts < 2].sum() <= n_texts.sum()
    else:
        assert 2 * n_texts[n_texts < 2].sum() > n_texts.sum() or (n_texts[2:] > 1).all()


def test_rare_words_read_as_the_unknown_token(task):
    X, y = task
    X = X.copy()
    X[:5, 0], X[5:, 0] = 40 + np.arange(5), 4
    words = tuple(map(str, range(60)))  # from 45 on, none of them was ever seen
    model = RNNTextClassifier(**QUICK).fit(TokenSequences(X, words), y)
    vectors = model.embedding_vectors_
    np.testing.assert_array_equal(vectors[40:], np.repeat(vectors[1:2], 20, axis=0))
    assert len(np.unique(vectors[2:40], axis=0)) == 38
    rare, unknown = X[:5].copy(), X[:5].copy()
    rare[:, 0], unknown[:, 0] = 59, 1
    np.testing.assert_array_equal(
        model.predict_proba(TokenSequences(rare, words)),
        model.predict_proba(TokenSequences(unknown, words)),
    )


def test_the_recurrent_layers_read_rare_words_as_unknown_and_the_linear_model_does_not(task):
    X, y = task
    network = RNNTextClassifier(**QUICK).fit(TokenSequences(X, WORDS), y).net_.module_
    ids = torch.from_numpy(np.asarray(X[:2])).long()
    unknown = torch.where(ids == ids[0, 0], 1, ids)
    with torch.no_grad():
        evidence = network.linear(ids)
        network.rare_word_mask = torch.arange(len(WORDS)) == ids[0, 0]
        torch.testing.assert_close(network.embed(ids), network.embed(unknown))
        assert (network.linear(ids) == evidence).all()
        assert (network.linear(unknown) != evidence).any()


@pytest.mark.parametrize("changed", [{}, {"early_stopping": True}, {"warm_start": True}])
def test_the_unknown_token_learns_from_rare_words_and_they_do_not(task, changed):
    X, y = task
    X = X.copy()
    X[:40, 0] = 40 + np.arange(40)
    model = RNNTextClassifier(**QUICK, **changed)
    model.fit(X, y)
    start = build_network(model._config, model._seed).embedding.weight[1].numpy(force=True)
    for fitted in (model, pickle.loads(pickle.dumps(model)).fit(X, y)):
        vectors = fitted.embedding_vectors_
        np.testing.assert_array_equal(vectors[40:], np.repeat(vectors[1:2], 40, axis=0))
        assert np.abs(vectors[1] - start).max() > 1e-3


def test_a_handful_of_texts_has_no_rare_words():
    """Where nearly all words stand in one text, they are all there is to learn from."""
    X = np.arange(2, 42).reshape(8, 5)
    model = RNNTextClassifier(**QUICK | {"max_epochs": 60, "hidden_size": 16}).fit(
        X, np.arange(8) % 2
    )
    assert model.score(X, np.arange(8) % 2) == 1


def test_words_of_vectors_that_came_along_are_never_rare(task):
    X, y = task
    X = X.copy()
    X[0, 0] = 40
    vectors = np.random.default_rng(0).normal(size=(41, 3)).astype(np.float32)
    sequences = TokenSequences(X, tuple(map(str, range(41))), vectors)
    model = RNNTextClassifier(**QUICK, freeze_embedding=True).fit(sequences, y)
    np.testing.assert_array_equal(model.embedding_vectors_[1:], vectors[1:])


def test_chunks_have_no_rare_words(task):
    """What is rare in the first chunk may be frequent in those to come."""
    X, y = task
    X = X.copy()
    X[0, 0] = 40
    vectors = RNNTextClassifier(**QUICK).partial_fit(X, y, classes=[0, 1]).embedding_vectors_
    assert (vectors[40] != vectors[1]).any()


# ---- How it is trained ------------------------------------------------------------------------


@pytest.mark.parametrize("sparse", [False, True])
def test_a_step_moves_the_rows_of_the_batch_and_no_others(sparse):
    table = torch.nn.Parameter(torch.ones(6, 2))
    (1e-4 * F.embedding(torch.tensor([[1, 4], [4, 4]]), table, sparse=sparse)).sum().backward()
    TableOptimizer([table], [1000.0]).step(n_texts=32)
    moved = torch.tensor([0.0, 1, 0, 0, 3, 0])[:, None].expand(6, 2)
    torch.testing.assert_close(table.detach(), 1 - 0.1 * moved, atol=1e-4, rtol=0)
    assert table.grad is None


def test_a_batch_of_few_texts_takes_a_small_step():
    steps = []
    for n_texts in (1, 16, 32, 64):
        table = torch.nn.Parameter(torch.zeros(3, 1))
        (1e-4 * table.sum()).backward()
        TableOptimizer([table], [1e4]).step(n_texts)
        steps.append(-table[0, 0].item())
    np.testing.assert_allclose(steps, [1 / 32, 1 / 2, 1, 1], rtol=1e-4)


def test_the_only_batch_of_few_texts_takes_a_whole_step(monkeypatch):
    full_batches = []
    init = TableOptimizer.__init__
    monkeypatch.setattr(
        TableOptimizer,
        "__init__",
        lambda self, *of: full_batches.append(of[2]) or init(self, *of),
    )
    X, y = np.arange(2, 10).reshape(4, 2), [0, 1, 0, 1]
    RNNTextClassifier(**QUICK).fit(X, y).partial_fit(X, y)
    assert full_batches == [4, 32]


def test_rare_rows_follow_their_gradients_and_busy_rows_are_damped():
    table = torch.nn.Parameter(torch.zeros(2, 1))
    optimizer = TableOptimizer([table], [1.0])
    lengths = []
    for _ in range(100):
        before = table.detach().clone()
        table.grad = torch.tensor([[1e-4], [1.0]])
        optimizer.step(n_texts=32)
        lengths.append((before - table.detach())[:, 0].tolist())
    rare, busy = np.transpose(lengths)
    np.testing.assert_allclose(rare, 1e-4, rtol=1e-3)
    np.testing.assert_allclose(busy, np.sqrt(0.01 / (0.01 + np.arange(1, 101))), rtol=1e-3)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_texts_of_four_words_do_not_swing(n_outputs):
    """Every row is in every text: the curvature is as large as it gets."""
    X = np.random.default_rng(0).integers(2, 6, (320, 30))
    y = (X == 2).sum(axis=1) // (9 - 3 * (n_outputs > 1)) % (n_outputs + 1)
    model = RNNTextClassifier(**QUICK | {"max_epochs": 20, "lr_schedule": "constant"}).fit(X, y)
    losses = model.history_["train_loss"]
    assert losses[-1] < losses[0]
    assert np.ptp(losses[10:]) < 0.15


def test_chunks_keep_what_the_tables_remember(task):
    model = RNNTextClassifier(**QUICK)
    sums = [
        model.partial_fit(*task, classes=[0, 1]).net_.sparse_optimizer_.sums[0] for _ in range(3)
    ]
    assert (sums[0] <= sums[1]).all()
    assert (sums[1] <= sums[2]).all()
    assert sums[0].sum() < sums[2].sum()


@pytest.mark.parametrize(
    "changed", [{}, {"callbacks": None, "batch_size": 7}, {"linear": "words"}]
)
def test_sparse_and_dense_gradients_of_tables_train_the_same_model(task, changed):
    """A callback that listens to a module makes batches whole, and gradients dense."""
    X, y = task
    settings = QUICK | {"dropout": 0, "input_dropout": 0, "branch_dropout": 0} | changed
    halves = RNNTextClassifier(**settings).fit(X, y)
    whole = RNNTextClassifier(**settings | {"callbacks": [Listener()]}).fit(X, y)
    np.testing.assert_allclose(halves.predict_proba(X), whole.predict_proba(X), atol=1e-4)


class Listener(Callback):
    """Have a hook at the network."""

    def on_train_begin(self, net, **kwargs):
        net.module_.head.register_forward_hook(lambda *_: None)


class Rates(Callback):
    """Note the learning rates of each step."""

    seen = None  # shared by the copies that fit makes

    def on_batch_begin(self, net, training=False, **kwargs):
        groups = (net.optimizer_.param_groups[0], *net.sparse_optimizer_.param_groups)
        Rates.seen.append([group["lr"] for group in groups])


def test_learning_rates_rise_and_fall_and_are_put_back(task, monkeypatch):
    monkeypatch.setattr(Rates, "seen", [])
    settings = QUICK | {"max_epochs": 8, "lr": 0.01, "table_lr": 4.0, "callbacks": [Rates()]}
    model = RNNTextClassifier(**settings).fit(*task)
    rates, embedding_rates, linear_rates = np.transpose(Rates.seen)
    assert len(rates) == 8 * 5
    top = rates.argmax()
    assert 0 < top < 4
    assert (np.diff(rates[:top]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    assert rates[-1] < 0.05 * rates.max() <= 0.05 * 0.01
    np.testing.assert_allclose(embedding_rates, 400 * rates)
    np.testing.assert_allclose(linear_rates, 100 * rates)
    assert model.net_.optimizer_.param_groups[0]["lr"] == 0.01


def test_a_constant_schedule_keeps_the_rates(task, monkeypatch):
    monkeypatch.setattr(Rates, "seen", [])
    settings = QUICK | {"lr": 0.01, "lr_schedule": "constant", "callbacks": [Rates()]}
    RNNTextClassifier(**settings).fit(*task)
    assert {rate for rate, *_ in Rates.seen} == {0.01}


def test_without_a_rate_of_their_own_tables_follow_the_optimizer(task):
    model = RNNTextClassifier(**QUICK | {"table_lr": None}).fit(*task)
    optimized = model.net_.optimizer_.param_groups[0]["params"]
    assert any(weight is model.net_.module_.embedding.weight for weight in optimized)
    assert any(weight is model.net_.module_.linear.weight for weight in optimized)


def test_tables_stay_sane_in_a_regression(task):
    X, y = task
    numbers = 100 * y + X.mean(axis=1)
    model = RNNTextRegressor(**QUICK | {"max_epochs": 60}, linear="words")
    model.fit(X[:120], numbers[:120])
    assert model.score(X[120:], numbers[120:]) > 0.9


@pytest.mark.parametrize("n_classes", [2, 3])
def test_smoothed_labels_keep_logits_small_and_leave_validation_as_it_is(task, n_classes):
    X, _ = task
    y = X[:, 0] % n_classes
    sharp, smooth = (
        RNNTextClassifier(
            **QUICK | {"max_epochs": 40, "early_stopping": True, "n_iter_no_change": 40},
            label_smoothing=share,
        ).fit(X, y)
        for share in (0.0, 0.3)
    )
    assert smooth.history_["train_loss"][-1] > sharp.history_["train_loss"][-1]
    validation = smooth.net_.get_loss(
        torch.zeros(2, smooth._target.n_outputs),
        torch.from_numpy(smooth._target.encode(y[:2])),
        {},
    )
    assert validation.item() == pytest.approx(np.log(n_classes))


# ---- Streams and warm starts -------------------------------------------------------------------


@pytest.fixture(scope="module")
def stream():
    """Texts of words that each say a little: 900 to learn from, 400 to be judged by."""
    rng = np.random.default_rng(0)
    says = rng.choice([-1, 1], 200)
    X = rng.integers(2, 202, (1_300, 11))
    y = (says[X - 2].sum(axis=1) > 0).astype(int)
    texts = TokenSequences(X, tuple(map(str, range(202))))
    return texts[:900], y[:900], texts[900:], y[900:]


CUTS = {
    "whole": [],
    "two texts first": [2],
    "two texts, then many": [2, *range(100, 900, 100)],
    "one class first": "one class first",
    "in pieces of 32": range(32, 900, 32),
    "in pieces of 7": range(7, 900, 7),
}


def learned_in_chunks(stream, cut, **parameters):
    X, y, X_test, y_test = stream
    if cut == "one class first":
        first = np.flatnonzero(y == 0)[:30]
        rest = np.setdiff1d(np.arange(len(y)), first)
        chunks = [first, *np.array_split(rest, 6)]
    else:
        chunks = np.split(np.arange(len(y)), list(cut))
    model = RNNTextClassifier(**QUICK | parameters)
    for _ in range(3):
        for chunk in chunks:
            model.partial_fit(X[chunk], y[chunk], classes=[0, 1])
    return model, model.score(X_test, y_test)


def test_it_matters_little_how_a_stream_is_cut(stream):
    scores = {name: learned_in_chunks(stream, cut)[1] for name, cut in CUTS.items()}
    assert min(scores.values()) > 0.8, scores
    assert max(scores.values()) - min(scores.values()) < 0.06, scores


def test_what_is_known_of_a_stream_is_the_same_however_it_is_cut(stream):
    linear = {
        name: learned_in_chunks(stream, CUTS[name])[0].net_.module_.linear
        for name in ("whole", "two texts, then many", "in pieces of 32")
    }
    for name in linear:
        np.testing.assert_array_equal(linear[name].pairs, linear["whole"].pairs)
        np.testing.assert_allclose(linear[name].idf, linear["whole"].idf, rtol=1e-3)


@pytest.mark.parametrize("changed", [{}, {"table_lr": None}, {"optimizer": "sgd", "lr": 0.1}])
def test_optimizers_go_on_with_weights_that_get_more_pairs(stream, changed):
    """A chunk that brings pairs leaves what is known of others as it is."""
    X, y, X_test, _ = stream
    model = RNNTextClassifier(**QUICK | changed, lr_schedule="constant")
    model.partial_fit(X[:300], y[:300], classes=[0, 1])
    expected = model.predict_proba(X_test)
    linear = model.net_.module_.linear
    before = dict(zip(linear.pairs.tolist(), linear.weight[202:, 0].tolist(), strict=True))
    # No step is taken: a rate of next to nothing.
    model.set_params(lr=1e-30, table_lr=None if model.table_lr is None else 1e-30)
    model.partial_fit(X[300:600], y[300:600])
    linear = model.net_.module_.linear
    after = dict(zip(linear.pairs.tolist(), linear.weight[202:, 0].tolist(), strict=True))
    assert len(after) > len(before)
    for pair, weight in before.items():
        assert after[pair] == pytest.approx(weight)
    assert all(abs(after[pair]) < 1e-20 for pair in after.keys() - before.keys())
    # Frequencies have moved a little, and the evidence with them.
    np.testing.assert_allclose(model.predict_proba(X_test), expected, atol=0.1)
    assert model.n_parameters_ == sum(p.numel() for p in model.net_.module_.parameters())


def test_a_stream_goes_on_after_loading(stream):
    X, y, X_test, y_test = stream
    model = RNNTextClassifier(**QUICK)
    for start in range(0, 900, 100):
        chunk = slice(start, start + 100)
        model.partial_fit(X[chunk], y[chunk], classes=[0, 1])
        model = pickle.loads(pickle.dumps(model))
    straight, _ = learned_in_chunks(stream, range(100, 900, 100), max_epochs=1)
    np.testing.assert_array_equal(
        model.net_.module_.linear.pairs, straight.net_.module_.linear.pairs
    )
    assert model._n_texts_counted == 900
    assert model.score(X_test, y_test) > 0.8


def test_a_chunk_that_fails_is_not_counted(stream):
    X, y, *_ = stream
    model = RNNTextClassifier(**QUICK).partial_fit(X[:50], y[:50], classes=[0, 1])
    counted, n_pairs = model._n_texts_counted, len(model.net_.module_.linear.pairs)
    with pytest.raises(ValueError, match="labels that were not there"):
        model.partial_fit(X[50:900], np.full(850, 7))

    class Fails(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        model.set_params(callbacks=[Fails()]).partial_fit(X[50:900], y[50:900])
    assert model._n_texts_counted == counted
    assert len(model.net_.module_.linear.pairs) == n_pairs == model._config.n_pairs


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_model_gets_to_know_the_words_of_further_texts(method):
    """After a fit as after a chunk, whether it goes on by chunks or by a warm start."""
    words = tuple(map(str, range(14)))
    first = TokenSequences(np.array([[2, 4], [2, 5], [3, 4], [3, 5]] * 8), words)
    further = TokenSequences(np.array([[6, 8], [6, 9], [7, 8], [7, 9]] * 8), words)
    y = np.array([0, 0, 1, 1] * 8)
    model = RNNTextClassifier(**QUICK | {"max_epochs": 20}, warm_start=True).fit(first, y)
    for _ in range(20 if method == "partial_fit" else 1):
        getattr(model, method)(further, y)
    assert model.score(further, y) == 1
    assert (model.net_.module_.linear.idf[2:10] > 0).all()


def test_a_warm_start_on_the_same_texts_knows_the_same(task):
    X, y = task
    model = RNNTextClassifier(**QUICK, warm_start=True).fit(X, y)
    linear = model.net_.module_.linear
    again = model.fit(X, y).net_.module_.linear
    np.testing.assert_array_equal(linear.pairs, again.pairs)
    np.testing.assert_array_equal(linear.idf, again.idf)


def test_naive_bayes_refuses_chunks(task):
    model = RNNTextClassifier(**QUICK, term_weights="naive_bayes")
    with pytest.raises(ValueError, match="cannot be told from a chunk"):
        model.partial_fit(*task, classes=[0, 1])


def test_after_naive_bayes_chunks_leave_the_weights_of_terms_as_they_are(task):
    model = RNNTextClassifier(**QUICK, term_weights="naive_bayes").fit(*task)
    idf = model.net_.module_.linear.idf.clone()
    model.set_params(term_weights="idf").partial_fit(*task)
    assert (model.net_.module_.linear.idf == idf).all()
