"""Numbers read off texts."""

import numpy as np
import pytest

from sklearn_rnn import RNNTextRegressor, SequenceVectorizer, TokenSequences
from small_models import LEARNING

STARS = {"awful": 1, "bad": 2, "fair": 3, "good": 4, "great": 5}
TWELVE_EPOCHS = LEARNING | {"max_epochs": 12, "early_stopping": False}
STILL = {"input_dropout": 0, "dropout": 0, "branch_dropout": 0}


@pytest.fixture(scope="module")
def ratings():
    rng = np.random.default_rng(0)
    words = rng.choice(list(STARS), 200)
    filler = rng.choice(["the film", "this one", "it was"], 200)
    texts = [f"{start} {word}" for start, word in zip(filler, words, strict=True)]
    return SequenceVectorizer(max_len=3).fit_transform(texts), np.array([STARS[w] for w in words])


@pytest.fixture(scope="module")
def fitted(ratings):
    return RNNTextRegressor(**TWELVE_EPOCHS).fit(*ratings)


def test_star_ratings_are_read_off_words(ratings, fitted):
    X, y = ratings
    assert fitted.score(X, y) > 0.95
    assert fitted.predict(X).shape == y.shape


@pytest.mark.parametrize(("scale", "offset"), [(1e6, 0), (-0.001, 5), (1, -1e4)])
def test_the_unit_of_the_target_changes_nothing_else(ratings, scale, offset):
    X, y = ratings
    # A target that falls is learned by other steps than one that rises, to the same end.
    model = RNNTextRegressor(**TWELVE_EPOCHS | {"max_epochs": 30, **STILL})
    expected = scale * model.fit(X, y).predict(X) + offset
    other = model.fit(X, scale * y + offset).predict(X)
    assert np.abs(other - expected).max() < 0.02 * abs(scale) * y.std()


def test_several_numbers_at_a_time(ratings):
    X, y = ratings
    both = np.stack([y, 100 - 10 * y], axis=1)
    model = RNNTextRegressor(**TWELVE_EPOCHS).fit(X, both)
    assert model.predict(X).shape == both.shape
    assert model.score(X, both) > 0.95


def test_a_constant_target_is_predicted_as_it_is(ratings):
    X, y = ratings
    model = RNNTextRegressor(**TWELVE_EPOCHS | {"max_epochs": 3}).fit(X, np.full(len(y), 7.0))
    np.testing.assert_allclose(model.predict(X), 7, atol=0.5)


def test_texts_without_weight_do_not_set_the_scale(ratings):
    X, y = ratings
    spoilt = np.where(np.arange(len(y)) < 20, 1e9, y)
    weights = (np.arange(len(y)) >= 20).astype(float)
    model = RNNTextRegressor(**TWELVE_EPOCHS).fit(X, spoilt, sample_weight=weights)
    assert model.score(X, y) > 0.9


def test_the_history_has_the_losses(ratings):
    model = RNNTextRegressor(**TWELVE_EPOCHS | {"early_stopping": True}).fit(*ratings)
    assert set(model.history_) == {"dur", "train_loss", "valid_loss"}


def test_numbers_without_a_finite_spread_are_refused(ratings):
    X, y = ratings
    with pytest.raises(ValueError, match=r"too large for their spread.*1e\+160. Scale y"):
        RNNTextRegressor(**TWELVE_EPOCHS).fit(X, np.where(np.arange(len(y)) % 2, 1e160, -1e160))


def test_it_matters_little_how_a_stream_of_numbers_is_cut():
    """Mean and spread of the numbers are those of all chunks, not of the first."""
    rng = np.random.default_rng(0)
    says = rng.normal(size=100)
    X = rng.integers(2, 102, (800, 8))
    y = 100 + 10 * says[X - 2].sum(axis=1)
    texts = TokenSequences(X, tuple(map(str, range(102))))
    first = np.argsort(np.abs(y - y.max()))[:2]  # two of the largest numbers, far from the rest
    rest = np.setdiff1d(np.arange(600), first)
    errors = []
    for chunks in ([np.arange(600)], [first, *np.array_split(rest, 6)]):
        model = RNNTextRegressor(hidden_size=4, embedding_dim=4, random_state=0)
        for _ in range(5):
            for chunk in chunks:
                model.partial_fit(texts[chunk], y[chunk])
        errors.append(np.abs(model.predict(texts[600:]) - y[600:]).mean() / y.std())
    assert max(errors) < 0.6, errors
    assert max(errors) - min(errors) < 0.1, errors
