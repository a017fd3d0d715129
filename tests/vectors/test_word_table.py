"""A word gets the vector of its closest spelling; a policy says what words without one get."""

import unicodedata

import numpy as np
import pytest

from sklearn_rnn import SequenceVectorizer, TokenSequences
from sklearn_rnn.embeddings import PretrainedEmbedding
from word_vectors import keyed_vectors


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


def test_random_vectors_have_a_size_even_after_a_single_word_found(sequences):
    with pytest.warns(UserWarning, match="contains only"):
        embedding = PretrainedEmbedding(keyed_vectors(["film"], 50), oov="random").fit(sequences)
    sizes = np.sqrt((embedding.vectors_[1:] ** 2).mean(axis=1))
    assert ((sizes > 0.5 * sizes.max()) & (sizes < 2 * sizes.min())).all()
