"""With a key, "altered" means altered: every byte of a model file is its writer's."""

import secrets
import zipfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.exceptions import ModelFileError

skops = pytest.importorskip("skops.io")
from sklearn_rnn import persistence  # noqa: E402

KEY = bytes(range(32))


def file_of(model, **options):
    file = BytesIO()
    persistence.save(model, file, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def fitted():
    classifier = RNNTextClassifier(hidden_size=2, embedding_dim=2, max_epochs=1, random_state=0)
    return classifier.fit([[2, 3], [3, 4]], ["bad", "good"])


@pytest.fixture(scope="module")
def signed(fitted):
    return file_of(fitted, key=KEY)


def test_a_signed_file_opens_with_its_key(signed):
    for key in (KEY, bytearray(KEY)):
        model = persistence.load(BytesIO(signed), key=key)
        assert model.classes_.tolist() == ["bad", "good"]


def test_a_signed_file_opens_without_a_key_as_others_do(signed):
    assert persistence.load(BytesIO(signed)).classes_.tolist() == ["bad", "good"]
    assert skops.loads(signed, trusted=persistence.trusted_types())


@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_no_byte_can_be_altered(signed, place, flip):
    data = bytearray(signed)
    data[int(place * len(data))] ^= flip
    with pytest.raises(ModelFileError, match=r"was altered after it was signed|is not signed"):
        persistence.load(BytesIO(bytes(data)), key=KEY)


@given(cut=st.floats(0.001, 1))
def test_no_byte_can_be_left_out_or_added(signed, cut):
    n_bytes = max(1, int(cut * len(signed)))
    for data in (signed[:-n_bytes], signed[n_bytes:], signed + bytes(1), bytes(1) + signed):
        with pytest.raises(ModelFileError, match=r"relied upon|nothing to read"):
            persistence.load(BytesIO(data), key=KEY)


def test_reversed_labels_with_a_right_checksum_are_noticed(fitted, signed):
    """Without a key they are not: whoever writes a file decides what it answers."""
    with zipfile.ZipFile(BytesIO(signed)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
        comment = archive.comment
    (name,) = (name for name, content in members.items() if b"<U4" in content)
    members[name] = members[name].replace("bad\0".encode("utf-32-le"), b"?" * 16)
    members[name] = members[name].replace("good".encode("utf-32-le"), "bad\0".encode("utf-32-le"))
    members[name] = members[name].replace(b"?" * 16, "good".encode("utf-32-le"))
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.comment = comment
    assert persistence.load(BytesIO(file.getvalue())).classes_.tolist() == ["good", "bad"]
    with pytest.raises(ModelFileError, match="was altered after it was signed"):
        persistence.load(BytesIO(file.getvalue()), key=KEY)


@pytest.mark.parametrize("data", [b"", b"PK", bytes(10), bytes(100), bytes(10_000)])
def test_what_is_no_archive_is_not_signed(data):
    with pytest.raises(ModelFileError, match=r"is not signed|nothing to read"):
        persistence.load(BytesIO(data), key=KEY)


def test_a_file_without_a_signature_is_refused_where_one_is_expected(fitted):
    with pytest.raises(ModelFileError, match="is not signed"):
        persistence.load(BytesIO(file_of(fitted)), key=KEY)


def test_another_key_does_not_open_a_file(signed):
    with pytest.raises(ModelFileError, match="signed with another key"):
        persistence.load(BytesIO(signed), key=secrets.token_bytes(32))


def test_a_key_does_not_make_types_trusted(tmp_path):
    path, trusted = tmp_path / "model.skops", ["secrets.token_hex"]
    vectorizer = SequenceVectorizer(tokenizer=secrets.token_hex, token_pattern=None)
    persistence.save(vectorizer, path, trusted, key=KEY)
    with pytest.raises(ModelFileError, match=r"secrets\.token_hex"):
        persistence.load(path, key=KEY)
    assert persistence.load(path, trusted, key=KEY).tokenizer is secrets.token_hex


@pytest.mark.parametrize("key", ["a text of 16 or more", 32, [1] * 32, memoryview(KEY)])
def test_a_key_is_bytes(fitted, key):
    for use in (
        lambda: file_of(fitted, key=key),
        lambda: persistence.load(BytesIO(b"1"), key=key),
    ):
        with pytest.raises(TypeError, match=r"expected bytes in key=, .*token_bytes\(32\)"):
            use()


@pytest.mark.parametrize("key", [b"", b"too short"])
def test_a_key_is_long_enough(fitted, key):
    with pytest.raises(ValueError, match="expected a key of at least 16 bytes"):
        file_of(fitted, key=key)
