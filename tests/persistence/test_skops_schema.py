"""Archives that chance alters are refused, or read within the bound, whatever they describe."""

import copy
import json
import os
import random
import time
import zipfile
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import hostile
import hostile_archives as made
from processes import needs_memory_peaks
from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer, persistence
from sklearn_rnn.embeddings import Word2VecEmbedding
from sklearn_rnn.exceptions import ModelFileError
from small_models import LABELS, TEXTS, TINY

pytest.importorskip("skops.io")

FUZZED = int(os.environ.get("FUZZ_ARCHIVES", "300"))


def unpacked(model):
    """Return the description of a saved model, and its members."""
    file = BytesIO()
    persistence.save(model, file)
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(members.pop("schema.json")), members


@pytest.fixture(scope="module")
def archives():
    """Descriptions and members of models that are as they should be."""
    texts, labels = TEXTS[:12], LABELS[:12]
    models = [
        make_pipeline(SequenceVectorizer(), RNNTextClassifier(**TINY)).fit(texts, labels),
        make_pipeline(
            SequenceVectorizer(),
            Word2VecEmbedding(vector_size=3, epochs=1, random_state=0),
            RNNTextRegressor(**TINY, pooling="attention"),
        ).fit(texts, np.arange(12.0)),
        GridSearchCV(RNNTextClassifier(**TINY), {"lr": [0.1, 0.2]}, scoring="accuracy"),
        RNNTextClassifier(random_state=np.random.RandomState(0)),
    ]
    return [unpacked(model) for model in models]


def nodes_of(part):
    """Return all descriptions in one, with the places that they stand in."""
    found, waiting = [], [part]
    while waiting:
        part = waiting.pop()
        items = part.items() if isinstance(part, dict) else enumerate(part)
        for key, value in items:
            if isinstance(value, dict | list):
                waiting.append(value)
                if "__loader__" in value:
                    found.append((part, key))
    return found


HOSTILE_NODES = [
    made.doubled(30),
    made.generator(entropy=1, pool_size=10**6),
    made.generator(entropy=10**2000),
    made.nested(200),
    made.text("9" * 4_000),
    made.text("[" * 10**5),
    made.text('"' + "\\ud83d\\ude00" * 1_000 + '"'),
    *map(made.scalar, [None, True, -1, 10**9, 10**15, 1e999, float("nan"), "x" * 10**5, "(a+)+$"]),
    made.listed(*[made.scalar(0)] * 3_000),
    made.listed(*map(made.scalar, made.colliding(900)), kind="set"),
    made.mapping({str(i): made.scalar(0) for i in made.colliding(500)}, "int"),
    made.called("LossNode", "numpy", "bytes_", made.scalar(10**9)),
    made.called("ConstructorFromReduceNode", "numpy", "void", made.scalar(10**9)),
    made.vectorizer(max_len=made.scalar(10**12)),
    made.thing("sklearn.pipeline", "Pipeline", memory=made.scalar("/tmp/somewhere")),
]
LOADERS = ["ListNode", "DictNode", "ObjectNode", "NdArrayNode", "BytesNode", "SparseMatrixNode"]
LOADERS += ["TypeNode", "FunctionNode", "MethodNode", "PartialNode", "BytearrayNode", "DTypeNode"]
LOADERS += ["LossNode", "CachedNode", "RandomStateNode", "SetNode", "TupleNode", "MaskedArrayNode"]
NAMES = [("numpy", "bytes_"), ("numpy", "void"), ("numpy", "float64"), ("builtins", "set")]
NAMES += [("builtins", "bytearray"), ("numpy", "ndarray"), ("os", "system"), ("builtins", "range")]
NAMES += [("sklearn_rnn._tables", "SharedTable"), ("sklearn_rnn.text", "SequenceVectorizer")]
HOSTILE_MEMBERS = [
    b"",
    made.npy(np.zeros(3 * 10**6, np.uint8)),
    made.npy(np.array(10**9)),
    made.npy(np.full((2, 2), np.nan, np.float32)),
    hostile.npy_header((10**12,), "<f4", bytes(8)),
    hostile.npy_header((10**12,), "<U0"),
    made.packed(b" " * 10**8),
    made.packed(made.words(3 * 10**5)),
    made.packed(b"[" + b"[]," * 10**6 + b"[]]"),
]


def altered(archive, chance):
    """Return the bytes of an archive with a few things changed in it."""
    schema, members = copy.deepcopy(archive)
    if chance.random() < 0.7:
        forget_ids(schema)
    for _ in range(chance.randint(1, 4)):
        places = nodes_of(schema)
        if places:
            chance.choice(ALTERATIONS)(chance, schema, members, *chance.choice(places))
    methods = [zipfile.ZIP_STORED] * 20 + [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2]
    data = made.archive_of(schema, members, chance.choice(methods), chance.choice(methods))
    if chance.random() < 0.05:
        name = chance.choice([*members, "schema.json"])
        data = made.lying(data, name, chance.getrandbits(31))
    return bytes_altered(chance, data) if chance.random() < 0.05 else data


def forget_ids(schema):
    """Let objects be described for themselves, or a change to one contradicts the others.

    Arrays stay: what is in a member is one object.
    """
    for place, key in nodes_of([schema]):
        if place[key]["__loader__"] != "NdArrayNode":
            place[key].pop("__id__", None)


def bytes_altered(chance, data):
    data = bytearray(data)
    for _ in range(chance.randint(1, 5)):
        data[chance.randrange(len(data))] = chance.getrandbits(8)
    return bytes(data[: chance.choice([len(data)] * 5 + [chance.randrange(len(data))])])


def _replace(chance, schema, members, place, key):
    place[key] = copy.deepcopy(chance.choice(HOSTILE_NODES))


def _move(chance, schema, members, place, key):
    other, where = chance.choice(nodes_of(schema))
    place[key] = copy.deepcopy(other[where])


def _multiply(chance, schema, members, place, key):
    place[key] = made.listed(*[place[key]] * chance.choice([2, 10, 1_000]))


def _name(chance, schema, members, place, key):
    place[key]["__module__"], place[key]["__class__"] = chance.choice(NAMES)


def _load_otherwise(chance, schema, members, place, key):
    place[key]["__loader__"] = chance.choice(LOADERS)


def _refer(chance, schema, members, place, key):
    ids = [other[where].get("__id__") for other, where in nodes_of(schema)]
    place[key] = {**place[key], "__id__": chance.choice(ids)}
    if chance.random() < 0.5:
        place[key] = {"__id__": place[key]["__id__"], "__loader__": "CachedNode"}


def _forget_a_part(chance, schema, members, place, key):
    place[key].pop(chance.choice(list(place[key])))


def _mistake_a_part(chance, schema, members, place, key):
    values = [None, 0, -1, 10**30, "numpy", "json", "scipy", [], {}, [[]], *members]
    place[key][chance.choice(list(place[key]))] = chance.choice(values)


def _replace_a_member(chance, schema, members, place, key):
    if members:
        members[chance.choice(list(members))] = chance.choice(HOSTILE_MEMBERS)


def _alter_a_member(chance, schema, members, place, key):
    if members:
        name = chance.choice(list(members))
        members[name] = bytes_altered(chance, members[name]) if members[name] else b"\x93NUMPY"


def _say_another_number(chance, schema, members, place, key):
    numbers = [(p, k) for p, k in nodes_of(schema) if p[k]["__loader__"] == "JsonNode"]
    values = [float("nan"), float("inf"), -1, 0, 0.4, 1, 2, 10**6, 10**10, None, "lstm", "max"]
    if numbers:
        place, key = chance.choice(numbers)
        place[key] = made.scalar(chance.choice(values))


ALTERATIONS = [
    _alter_a_member,
    _forget_a_part,
    _load_otherwise,
    _mistake_a_part,
    _move,
    _multiply,
    _name,
    _refer,
    _replace,
    _replace_a_member,
    _say_another_number,
    _say_another_number,
]


def check_load(data):
    """Load what may be hostile; raise if that took more than it may, or answers with NaN."""
    file = BytesIO(data)
    hostile.forget_peak()
    before, start = hostile.memory("VmRSS"), time.process_time()
    try:
        model = persistence.load(file)
    except ModelFileError:
        model = None
    assert time.process_time() - start < made.ENDLESS
    assert hostile.memory("VmHWM") - before <= hostile.allowed(data)
    if hasattr(model, "predict"):
        check_answers(model)


def check_answers(model):
    try:
        answers = model.predict_proba([*TEXTS[:3], ""])
    except Exception:  # what was altered may well not fit together
        return
    assert np.isfinite(answers).all()


@needs_memory_peaks
@pytest.mark.filterwarnings("ignore")
@settings(max_examples=FUZZED)
@given(seed=st.integers(0, 2**63))
def test_an_archive_of_any_parts_is_refused_or_read_within_the_bound(archives, seed):
    chance = random.Random(seed)
    check_load(altered(chance.choice(archives), chance))


def test_an_error_that_cannot_be_shown_is_no_other_error(archives):
    """The message may hold an estimator, which needs all its parameters to be shown."""
    schema, members = copy.deepcopy(archives[0])
    (steps,) = (p[k] for p, k in nodes_of(schema) if k == "steps")
    vectorizer, classifier = (step["content"][1] for step in steps["content"])
    del vectorizer["content"]["content"]["analyzer"]
    vectorizer["content"]["key_types"]["content"].pop()
    (plan,) = (p[k] for p, k in nodes_of(classifier) if k == "_plan")
    plan["content"]["cell"] = vectorizer
    with pytest.raises(ModelFileError, match=r"can be read \((KeyError|TypeError)"):
        persistence.load(BytesIO(made.archive_of(schema, members)))


def test_the_archives_that_chance_alters_are_good_ones(archives):
    for schema, members in archives:
        persistence.load(BytesIO(made.archive_of(schema, members)))
