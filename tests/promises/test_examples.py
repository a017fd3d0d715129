"""Each example runs as its own program, and does what its first line says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from paths import ROOT
from processes import ENVIRONMENT
from sklearn_rnn.semi_supervised._defaults import default_embedding

EXAMPLES = ROOT / "examples"


def run(name, folder, *arguments):
    # Where the tests run from a checkout, the example's process has to find it too.
    environment = ENVIRONMENT | {"MPLBACKEND": "Agg"}
    command = [sys.executable, EXAMPLES / name, *map(str, arguments)]
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_quickstart_beats_a_bag_of_words_and_says_where_its_picture_lies(tmp_path):
    printed = run("quickstart.py", tmp_path, "--reviews", "1200")
    words, network = (
        float(x) for x in re.findall(r"(?:regression|LSTM) +(0\.\d+|1\.0+)", printed)
    )
    assert network > words
    assert "equal answers: True" in printed
    assert Path(printed.strip().splitlines()[-1].rpartition(" saved to ")[2]).stat().st_size > 0


def test_the_pipeline_example_classifies_held_out_reviews(tmp_path):
    printed = run("pipeline.py", tmp_path, "--reviews", "800")
    assert float(re.search(r"held-out reviews: ([\d.]+)", printed)[1]) > 0.6
    assert "(2, 64)" in printed


def test_the_grid_search_example_ranks_every_candidate(tmp_path):
    printed = run("grid_search.py", tmp_path, "--reviews", "80")
    assert len(printed.splitlines()) == 16
    assert printed.lstrip().startswith("1. ")


def test_the_persistence_example_gets_equal_answers_in_a_new_process(tmp_path):
    assert "last bit: True" in run("persistence.py", tmp_path, "--reviews", "200")


def test_the_chinese_example_reads_hotel_reviews_with_word2vec(tmp_path, zh_hotel_home):
    pytest.importorskip("gensim")
    printed = run("chinese.py", tmp_path, zh_hotel_home / "ChnSentiCorp_htl_all.csv.gz")
    assert float(re.search(r"held-out reviews: ([\d.]+)", printed)[1]) > 0.85
    assert "positive" in printed


def test_the_pretraining_example_compares_every_embedding(tmp_path, vectors_home):
    pytest.importorskip("gensim")
    glove = vectors_home / "glove.6B.50d.9k.txt.gz"
    printed = run("pretraining.py", tmp_path, "--sizes", 20, 40, "--seeds", 2, "--glove", glove)
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    assert rows[0] == ["| embedding", "20", "40 |"]
    titles = ("| learned with", "| word2vec of", "| transfer from", "| GloVe")
    assert all(row[0].startswith(title) for row, title in zip(rows[2:], titles, strict=True))
    assert all(
        re.fullmatch(r"[\d.]+% ± [\d.]+( \|)?", cell) for row in rows[2:] for cell in row[1:]
    )
    assert (tmp_path / "pretraining.png").stat().st_size > 10_000


def test_the_baselines_stand_beside_this_library(tmp_path, trec_home):
    folder, linear = trec_home.parent, ["TF-IDF + LR", "NB-SVM"]
    options = ["--tasks", "trec6", "--held-out", "validation", "--models"]
    printed = run("baselines.py", tmp_path, folder, *options, *linear, "this library")
    rows = [line.strip("| ").split(" | ") for line in printed.splitlines()]
    assert rows[0] == ["data", *linear, "this library"]
    assert rows[2][0] == "TREC, 6 classes"
    assert all(60 < float(cell.partition("%")[0]) < 100 for cell in rows[2][1:])


def test_the_example_of_few_labels_compares_three_ways_of_learning(tmp_path, trec_home):
    pytest.importorskip("gensim")
    options = ["--tasks", "trec6", "--held-out", "validation", "--labels", "200", "--draws", "2"]
    printed = run("few_labels.py", tmp_path, trec_home.parent, *options)
    cells = printed.splitlines()[-1].strip("| ").split(" | ")
    assert cells[0] == "200"
    assert all(re.fullmatch(r"[4-9]\d\.\d% ± \d+\.\d \(\d+ s\)", cell) for cell in cells[1:])


def test_the_example_of_few_labels_learns_the_vectors_that_are_the_default():
    source = (EXAMPLES / "few_labels.py").read_text()
    (call,) = re.findall(r"Word2VecEmbedding\(.*\)", source)
    assert (
        eval(call, {"Word2VecEmbedding": dict}).items()
        <= default_embedding(0).get_params().items()
    )


def test_the_pitfalls_of_few_labels_are_shown(tmp_path, trec_home):
    pytest.importorskip("gensim")
    printed = run("few_labels_pitfalls.py", tmp_path, trec_home.parent, "--draws", "1")
    rows = [line.strip("| ").split(" | ") for line in printed.splitlines()[2:]]
    linear, both = ([float(row[place].split()[0]) for row in rows] for place in (2, 3))
    assert both[0] > linear[0]
    assert both[1] < linear[1] < both[2]  # shares that are wrong, and right


def test_the_poolings_stand_beside_each_other(tmp_path, trec_home):
    options = ["--tasks", "trec6", "--poolings", "max", "--seeds", "1"]
    printed = run("pooling.py", tmp_path, trec_home.parent, *options)
    assert re.search(r"TREC, 6 classes \| [78]\d\.\d%", printed)


GALLERY = sorted((EXAMPLES / "gallery").glob("plot_*.py"))


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_an_example_of_the_gallery_runs_on_made_up_reviews(tmp_path, path, monkeypatch):
    for package in ("captum", "gensim", "skops"):
        pytest.importorskip(package)
    monkeypatch.setenv("SKLEARN_RNN_DATA", str(tmp_path))  # no real reviews there
    run(f"gallery/{path.name}", tmp_path)


def test_the_best_recipe_judges_by_reviews_that_it_has_not_read(tmp_path, imdb_home):
    pytest.importorskip("gensim")
    options = ["--held-out", "validation", "--every", "50", "--workers", "1"]
    printed = run("best_imdb.py", tmp_path, imdb_home, *options)
    accuracies = [float(share) for share in re.findall(r"([\d.]+)%", printed)]
    assert len(accuracies) == 2
    assert all(60 < accuracy < 100 for accuracy in accuracies)


def test_the_word2vec_benchmark_times_both_sides(tmp_path):
    pytest.importorskip("gensim")
    printed = run("../benchmarks/word2vec.py", tmp_path, "--reviews", "40", "--rounds", "1")
    assert float(re.search(r"over 1 rounds: ([\d.]+)", printed)[1]) > 0


@pytest.fixture(scope="module")
def lecture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lecture")
    return run("lecture.py", folder, "--reviews", "120", "--seeds", "2"), folder


def test_the_lecture_trains_all_its_models_and_draws_their_curves(lecture):
    printed, folder = lecture
    rows = [line for line in printed.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 8
    assert all(re.search(r"\| \d+, \d+ \|( [\d.]+% ± [\d.]+ \|){3}$", row) for row in rows)
    assert (folder / "lecture.png").stat().st_size > 10_000
