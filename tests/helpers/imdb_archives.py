"""Small archives and folders in the form of the IMDB reviews."""

import io
import tarfile

import numpy as np
from sklearn.utils import Bunch

# Written out of order, and with numbers that sort differently as texts.
FILES = {
    "README": "Large Movie Review Dataset v1.0",
    "imdb.vocab": "the\nand",
    "train/pos/10_9.txt": "Bravo!<br /><br />Encore.",
    "train/pos/9_10.txt": "Très bien",
    "train/neg/2_1.txt": "Boo",
    "train/neg/11_4.txt": "Zzz",
    "train/unsup/0_0.txt": "Who knows?",
    "train/labeledBow.feat": "9 0:9",
    "test/neg/0_2.txt": "",
    "test/pos/0_7.txt": "x" * 1024,
}
SUFFIXES = {"w:": ".tar", "w:gz": ".tar.gz", "w:xz": ".tar.xz"}


def write_folder(root, files=FILES):
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


def member(name, content=b"", **attributes):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, io.BytesIO(content)


def write_archive(folder, mode="w:gz", files=FILES, extra=(), prefix="aclImdb/"):
    path = folder / f"aclImdb_v1{SUFFIXES[mode]}"
    with tarfile.open(path, mode) as archive:
        for name, text in files.items():
            archive.addfile(*member(prefix + name, text.encode()))
        for info, content in extra:
            archive.addfile(info, content)
    return path


def write_archive_in(folder, mode):
    folder.mkdir()
    write_archive(folder, mode)
    return folder


def as_plain(value):
    """Turn nested Bunches and arrays into what compares with ==, dtypes included."""
    if isinstance(value, Bunch):
        return {key: as_plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.tolist())
    return value


def without(*folders):
    return {name: text for name, text in FILES.items() if not name.startswith(folders)}
