"""Model files that somebody made to exhaust a machine, for the tests of `persistence.load`.

Run as a program, it makes each that is named on its command line, or all, loads it in a process of
its own, and prints what that took: bytes, bytes that were allowed, how it ended, and seconds of
the processor. The law is tested on what a system counts, not on what Python does.
"""

import json
import os
import signal
import sys
import time
import zlib
from io import BytesIO
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile

import numpy as np
from scipy import sparse

from hostile import MEGABYTE, allowed, forget_peak, memory, npy_header

ENDLESS = 60  # seconds, of which a load may take one
SKOPS = {"protocol": 2, "_skops_version": "0.16.0"}


# ---- Descriptions of objects -----------------------------------------------------------------


def node(loader, module, name, **parts):
    return {"__class__": name, "__module__": module, "__loader__": loader, **parts}


def scalar(value):
    return text(json.dumps(value))


def text(content):
    return node("JsonNode", "builtins", "str", content=content, is_json=True)


def listed(*parts, kind="list"):
    return node(f"{kind.title()}Node", "builtins", kind, content=list(parts))


def mapping(parts, kind="str", module="builtins"):
    kinds = [node("TypeNode", module, kind) for _ in parts]
    return node("DictNode", "builtins", "dict", content=parts, key_types=listed(*kinds))


def thing(module, name, **attributes):
    return node("ObjectNode", module, name, content=mapping(attributes))


def numbers(file, module="numpy", name="ndarray"):
    return node("NdArrayNode", module, name, type="numpy", file=file)


def table(file):
    return thing("sklearn_rnn._tables", "SharedTable", array=numbers(file))


def vectorizer(**attributes):
    return thing("sklearn_rnn.text", "SequenceVectorizer", **attributes)


def called(loader, module, name, *arguments):
    content = listed(*arguments, kind="tuple")
    return node(loader, module, name, content=content, __reduce__={"args": content})


# ---- Archives --------------------------------------------------------------------------------


def archive_of(root, members=None, method=ZIP_STORED, schema_method=ZIP_DEFLATED):
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        for name, content in (members or {}).items():
            archive.writestr(name, content, method)
        schema = root if isinstance(root, bytes) else json.dumps({**root, **SKOPS})
        archive.writestr("schema.json", schema, schema_method)
    return file.getvalue()


def lying(data, name, size):
    """Let the directory, and the member's own header, say that a member has a size."""
    entry = data.index(b"PK\x01\x02")
    while data[entry + 46 : entry + 46 + len(name)] != name.encode():
        entry = data.index(b"PK\x01\x02", entry + 1)
    header = int.from_bytes(data[entry + 42 : entry + 46], "little")
    said, altered = size.to_bytes(4, "little"), bytearray(data)
    altered[entry + 24 : entry + 28] = altered[header + 22 : header + 26] = said
    return bytes(altered)


def npy(array):
    file = BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def packed(text_bytes, level=9):
    return npy(np.frombuffer(zlib.compress(text_bytes, level), np.uint8))


def sparse_file(matrix):
    file = BytesIO()
    sparse.save_npz(file, matrix)
    return file.getvalue()


def words(count):
    return json.dumps([f"{i:x}" for i in range(count)]).encode()


def doubled(depth):
    """Lists that contain the list below twice, once described and once named by its id."""
    below = listed(scalar(1)) | {"__id__": 1}
    for level in range(2, depth):
        again = {"__id__": level - 1}
        below = listed(below, again) | {"__id__": level}
    return below


def nested(depth):
    below = listed()
    for _ in range(depth):
        below = listed(below)
    return below


def folder():
    return thing("sklearn.pipeline", "Pipeline", memory=scalar("somewhere"), steps=listed())


def masked(data, mask):
    return node("MaskedArrayNode", "numpy.ma", "MaskedArray", content={"data": data, "mask": mask})


def generator(**seeding):
    return seeded_by(mapping({name: scalar(value) for name, value in seeding.items()}))


def seeded_by(seeds):
    state = mapping({"bit_generator": scalar("PCG64")})
    return node(
        "RandomGeneratorNode",
        "numpy.random._generator",
        "Generator",
        content={"bit_generator": state, "seed_seq": seeds},
    )


def colliding(count):
    """Whole numbers that have the same hash."""
    return [(2**61 - 1) * i for i in range(1, count + 1)]


def _zeros(method, name="zeros.npy", said=None, size=70):
    content = npy(np.zeros(size * MEGABYTE, np.uint8))
    data = archive_of(listed(numbers(name)), {name: content}, method)
    return data if said is None else lying(data, name, said)


def _schema(content, method=ZIP_DEFLATED, said=None):
    data = archive_of(content, schema_method=method)
    return data if said is None else lying(data, "schema.json", said)


def _shared(count, size):
    """Directory entries for the bytes of one member."""
    data = archive_of(listed(*map(numbers, "abcdefghij"[:count])), {"a": npy(np.zeros(size))})
    end, first = data.rindex(b"PK\x05\x06"), data.index(b"PK\x01\x02")
    entry = data[first : first + 47]
    others = b"".join(entry[:-1] + bytes([97 + i]) for i in range(1, count))
    tail = bytearray(data[end:])
    tail[8:12] = (count + 1).to_bytes(2, "little") * 2
    tail[12:16] = (end - first + len(others)).to_bytes(4, "little")
    return data[:end] + others + bytes(tail)


MAKERS = {
    # What was found to work once.
    "bz2, a false size": lambda: _zeros(ZIP_BZIP2, said=100),
    "LZMA, a false size": lambda: _zeros(ZIP_LZMA, said=100),
    "deflate, a false size": lambda: _zeros(ZIP_DEFLATED, said=100),
    "words that inflate": lambda: archive_of(
        vectorizer(_entries=table("a.npy")), {"a.npy": packed(b" " * 70 * MEGABYTE)}
    ),
    "a member of 800 objects": lambda: archive_of(
        listed(*[numbers("a.npy") for _ in range(800)]), {"a.npy": npy(np.zeros(MEGABYTE // 8))}
    ),
    "a sparse matrix that inflates": lambda: archive_of(
        node("SparseMatrixNode", "scipy.sparse._csr", "csr_matrix", type="scipy", file="a.npz"),
        {"a.npz": sparse_file(sparse.csr_matrix(np.zeros((1, 1)))[np.zeros(25_000_000, int)])},
    ),
    "lists of twice the list below": lambda: archive_of(doubled(60)),
    "a generator with a large pool": lambda: archive_of(generator(entropy=1, pool_size=300_000)),
    # Their neighbours.
    "bz2": lambda: _zeros(ZIP_BZIP2),
    "deflate": lambda: _zeros(ZIP_DEFLATED),
    "a schema in bz2": lambda: _schema(b" " * 70 * MEGABYTE, ZIP_BZIP2),
    "a schema of spaces": lambda: _schema(b" " * 70 * MEGABYTE),
    "a schema of spaces, a false size": lambda: _schema(b" " * 70 * MEGABYTE, said=100),
    "a schema of lists": lambda: _schema(b"[" + b"[]," * 20_000_000 + b"[]]"),
    "a schema of dicts": lambda: _schema(b'[{"":0}' + b',{"":0}' * 5_000_000 + b"]"),
    "a schema of wide text": lambda: _schema(b'"\xf0\x9f\x98\x80' + b"a" * 70 * MEGABYTE + b'"'),
    "a schema of brackets": lambda: _schema(b"[" * 50 * MEGABYTE),
    "a schema of digits": lambda: _schema(b'{"protocol":' + b"9" * 50 * MEGABYTE + b"}"),
    "numbers in a text": lambda: archive_of(listed(text("[" + "[]," * 3_000_000 + "[]]"))),
    "digits in a text": lambda: archive_of(listed(*[text("9" * 4_300)] * 2_000)),
    "many objects": lambda: archive_of(listed(*[scalar(i) for i in range(100_000)])),
    "many empty dicts": lambda: archive_of(listed(*[mapping({})] * 100_000)),
    "objects within objects": lambda: archive_of(nested(300)),
    "words that are many": lambda: archive_of(
        vectorizer(_entries=table("a.npy")), {"a.npy": packed(words(600_000))}
    ),
    "words that are lists": lambda: archive_of(
        vectorizer(_entries=table("a.npy")), {"a.npy": packed(b"[" + b"[]," * 10**7 + b"[]]")}
    ),
    "words in numbers": lambda: archive_of(
        vectorizer(_entries=table("a.npy")),
        {
            "a.npy": npy(
                np.frombuffer(zlib.compress(b" " * 70 * MEGABYTE)[:-1], np.uint8)
                .repeat(4)
                .view("f4")
            )
        },
    ),
    "a table of a list": lambda: archive_of(
        vectorizer(_entries=thing("sklearn_rnn._tables", "SharedTable", array=listed()))
    ),
    "a directory of entries": lambda: archive_of(
        listed(), {f"{i:020}": b"" for i in range(60_000)}
    ),
    "shared bytes": lambda: _shared(10, 10**6),
    "an array of 10^15": lambda: archive_of(
        listed(numbers("a.npy")), {"a.npy": npy_header((10**15,), "<f4", bytes(100))}
    ),
    "an array of nothing": lambda: archive_of(
        listed(numbers("a.npy")), {"a.npy": npy_header((10**12,), "<U0")}
    ),
    "bytes by number": lambda: archive_of(
        numbers("a.npy", name="bytes_"), {"a.npy": npy(np.array(10**9))}
    ),
    "void by number": lambda: archive_of(
        numbers("a.npy", name="void"), {"a.npy": npy(np.array(10**9))}
    ),
    "a loss that is bytes": lambda: archive_of(
        called("LossNode", "numpy", "bytes_", scalar(10**9))
    ),
    "a bytearray": lambda: archive_of(
        node("BytearrayNode", "builtins", "bytearray", file="a.bin"),
        {"a.bin": bytes(30 * MEGABYTE)},
    ),
    "an array of arrays": lambda: archive_of(
        node(
            "NdArrayNode",
            "numpy",
            "ndarray",
            type="json",
            content=[numbers("a.npy")],
            shape=listed(scalar(1), scalar(30 * MEGABYTE), kind="tuple"),
        ),
        {"a.npy": npy(np.zeros(30 * MEGABYTE, np.uint8))},
    ),
    "a set of collisions": lambda: archive_of(listed(*map(scalar, colliding(20_000)), kind="set")),
    "keys of collisions": lambda: archive_of(
        mapping({str(i): scalar(0) for i in colliding(15_000)}, "int")
    ),
    "a frozen set of collisions": lambda: archive_of(
        called(
            "ConstructorFromReduceNode",
            "builtins",
            "frozenset",
            listed(*map(scalar, colliding(20_000))),
        )
    ),
    "an object within itself": lambda: archive_of(
        listed({"__id__": 7}, scalar(1)) | {"__id__": 7}
    ),
    "one id of two objects": lambda: archive_of(
        listed(listed() | {"__id__": 7}, mapping({}) | {"__id__": 7})
    ),
    "an array that is described often": lambda: archive_of(
        listed(*[mapping({"n_jobs": numbers("a.npy") | {"__id__": 7}}) for _ in range(4_000)]),
        {"a.npy": npy(np.ones(500, np.int64))},
    ),
    "one id, two members": lambda: archive_of(
        listed(
            numbers("a") | {"__id__": 7},
            vectorizer(
                _entries=thing(
                    "sklearn_rnn._tables", "SharedTable", array=numbers("b") | {"__id__": 7}
                )
            ),
        ),
        {"a": packed(b" " * 70 * MEGABYTE), "b": packed(b'["a"]')},
    ),
    "a pool in a defaultdict": lambda: archive_of(
        seeded_by(
            node(
                "DefaultDictNode",
                "collections",
                "defaultdict",
                content={
                    "main": mapping({"entropy": scalar(1), "pool_size": scalar(300_000)}),
                    "default_factory": node("TypeNode", "builtins", "int"),
                },
            )
        )
    ),
    "entropy in digits": lambda: archive_of(
        seeded_by(mapping({"entropy": listed(scalar("0x" + "f" * 10**6))}))
    ),
    "entropy in an array": lambda: archive_of(
        seeded_by(mapping({"entropy": numbers("a")})), {"a": npy(np.ones(10**6))}
    ),
    "a device of an array": lambda: archive_of(
        node("ConstructorFromReduceNode", "torch", "device", content=numbers("a")),
        {"a": npy(np.zeros(5 * MEGABYTE, np.uint8))},
    ),
    "a frozen set of an array": lambda: archive_of(
        node(
            "ConstructorFromReduceNode",
            "builtins",
            "frozenset",
            content=listed(numbers("a") | {"content": []}),
        ),
        {"a": npy(np.arange(1_500_000))},
    ),
    "masks of an array": lambda: archive_of(
        listed(*[masked(numbers("a") | {"__id__": 7}, scalar(True)) for _ in range(200)]),
        {"a": npy(np.zeros(2 * MEGABYTE, np.uint8))},
    ),
    "masks of one item": lambda: archive_of(
        listed(*[masked(numbers("a") | {"__id__": 7}, numbers("b") | {"__id__": 8})] * 100),
        {"a": npy(np.zeros(MEGABYTE, np.uint8)), "b": npy(np.ones(1, np.bool_))},
    ),
    "a shape with contents": lambda: archive_of(
        node(
            "NdArrayNode",
            "numpy",
            "ndarray",
            type="json",
            content=[numbers("a") | {"__id__": 7}] * 100,
            shape=numbers("s") | {"content": [1]},
        ),
        {"a": npy(np.zeros(MEGABYTE // 2, np.uint8)), "s": npy(np.array([1, 2]))},
    ),
    "narrow sequences": lambda: archive_of(
        thing("sklearn_rnn.sequences", "TokenSequences", ids=numbers("a"), vocabulary=listed()),
        {"a": npy(np.zeros((10**6, 48), np.int8))},
    ),
    "objects that share an array": lambda: archive_of(
        listed(
            *[
                thing(
                    "sklearn.isotonic",
                    "IsotonicRegression",
                    X_thresholds_=numbers("a") | {"__id__": 7},
                    y_thresholds_=numbers("a") | {"__id__": 7},
                    out_of_bounds=scalar("nan"),
                )
                for _ in range(300)
            ]
        ),
        {"a": npy(np.linspace(0, 1, 10**5))},
    ),
    "layers without weights": lambda: archive_of(
        thing(
            "sklearn_rnn.classifier",
            "RNNTextClassifier",
            _format=scalar(2),
            n_iter_=scalar(1),
            _seed=scalar(0),
            _plan=mapping({"num_layers": scalar(30_000)}),
            _network=mapping({"arrays": scalar("a" * 30_000)}),
        )
    ),
    "headers that are evaluated": lambda: archive_of(
        listed(*[numbers(f"{i}") for i in range(1_000)]),
        {f"{i}": npy_header((0,), [(f"{j}", "<f4") for j in range(400)]) for i in range(1_000)},
    ),
    **{
        f"sparse zeros of {megabytes} MB": lambda megabytes=megabytes: archive_of(
            node("SparseMatrixNode", "scipy.sparse", "csr_matrix", type="scipy", file="a"),
            {"a": sparse_file(sparse.csr_matrix((megabytes * MEGABYTE // 4, 1)))},
        )
        for megabytes in (15, 25, 40, 50)
    },
    "a folder beside lists": lambda: archive_of(
        listed(folder(), *[listed() for _ in range(27_000)])
    ),
    "a folder beside an array and words": lambda: archive_of(
        listed(folder(), numbers("a"), vectorizer(_format=scalar(2), _entries=table("w"))),
        {"a": npy(np.zeros(6 * MEGABYTE)), "w": packed(words(500_000))},
    ),
    "many small arrays": lambda: archive_of(
        listed(*[numbers(f"{i}.npy") for i in range(14_000)]),
        {f"{i}.npy": npy(np.zeros(1)) for i in range(14_000)},
    ),
}
"""Makers of archives, by what is wrong with each."""

LARGEST = {
    "numbers": lambda: archive_of(listed(*map(scalar, range(23_000)))),
    "lists": lambda: archive_of(listed(*[listed()] * 27_000)),
    "dicts": lambda: archive_of(listed(*[mapping({"a": scalar(1)})] * 6_500)),
    "names": lambda: archive_of(mapping({f"k{i}": scalar(0) for i in range(13_000)})),
    "objects": lambda: archive_of(listed(*[thing("sklearn.pipeline", "Pipeline")] * 4_000)),
    "functions": lambda: archive_of(listed(*[node("FunctionNode", "numpy", "sin")] * 6_000)),
    "arrays": lambda: archive_of(
        listed(*[numbers(f"{i}") for i in range(2_800)]),
        {f"{i}": npy(np.zeros(1)) for i in range(2_800)},
    ),
    "a text": lambda: archive_of(listed(text('"' + "x" * 13_000_000 + '"'))),
    "words": lambda: archive_of(
        vectorizer(_format=scalar(2), _entries=table("w")), {"w": packed(words(300_000))}
    ),
}
"""Makers of archives that are nearly too large to be read."""


# ---- What a load takes -----------------------------------------------------------------------


def _print_what_loading_takes(name):
    from sklearn_rnn import persistence

    data = {**MAKERS, **LARGEST}[name]()
    file = BytesIO(data)
    forget_peak()
    before, start = memory("VmRSS"), time.process_time()
    try:
        persistence.load(file)
        answer = "loaded"
    except Exception as error:
        answer = type(error).__name__
    seconds = round(time.process_time() - start, 2)
    row = [name, memory("VmHWM") - before, allowed(data), answer, seconds]
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    from sklearn_rnn import RNNTextClassifier, persistence

    with BytesIO() as buffer:
        persistence.save(RNNTextClassifier(), buffer)  # whatever is imported is, by now
    for maker in sys.argv[1:] or [*MAKERS, *LARGEST]:
        child = os.fork()
        if not child:
            signal.alarm(ENDLESS)  # also ends a loop in C
            _print_what_loading_takes(maker)
            os._exit(0)
        os.waitpid(child, 0)
