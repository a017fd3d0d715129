"""Training from the command line does the main job with no code written."""

import contextlib
import re

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from command_line import COLUMNS, LABELS, REVIEWS, Fitted, failure, run, write_csv
from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn._training import callbacks as _callbacks


def test_training_ends_with_a_table_and_the_next_command(trained):
    rows = dict(re.findall(r"^(\S.*?)  +(.*)$", trained.out, flags=re.MULTILINE))
    model = joblib.load(trained.path)
    assert rows["texts"].startswith("60 read from ")
    assert rows["labels"] == "negative (30), positive (30)"
    assert rows["vocabulary"] == f"{len(model[0].vocabulary_)} words"
    with contextlib.redirect_stdout(None):
        assert rows["parameters"] == f"{model[-1].summary().total:,}"
    assert rows["epochs"] == "2"
    assert float(rows["seconds"]) >= 0  # a fast machine takes 0.0
    assert re.fullmatch(r"\d+\.\d% of 6 held-out texts", rows["accuracy"])
    assert rows["baseline"].startswith("50.0%, by always answering '")
    assert f"Saved to {trained.path}. Next:" in trained.out
    assert f"python -m sklearn_rnn predict '{trained.path}' new.csv --text review" in trained.out


def test_training_shows_a_bar_for_each_epoch(trained):
    assert "Training on 54 texts, 6 held out." in trained.err
    assert "epoch 2/2: 100%" in trained.err


def test_the_model_is_a_pipeline_with_the_library_s_defaults(trained):
    expected = make_pipeline(SequenceVectorizer(), RNNTextClassifier(max_epochs=2, random_state=0))
    assert repr(joblib.load(trained.path)) == repr(expected)


def test_epochs_and_lengths_not_named_are_the_library_s(reviews, out, fits):
    with pytest.raises(Fitted):
        run("train", reviews, *COLUMNS, "--out", out)
    ((model, _, _),) = fits
    assert repr(model) == repr(RNNTextClassifier(random_state=0, verbose=1))


def test_options_reach_the_model(reviews, out, tmp_path):
    options = ["--max-features", 20, "--max-len", 7, "--epochs", 1, "--seed", 5]
    folder = tmp_path / "state"
    options += ["--test-fraction", 0, "--checkpoint-dir", folder, "--out", out]
    assert run("train", reviews, *COLUMNS, *options) == 0
    model = joblib.load(out)
    assert repr(model) == repr(
        make_pipeline(
            SequenceVectorizer(max_features=20, max_len=7),
            RNNTextClassifier(max_epochs=1, random_state=5),
        )
    )
    assert (folder / "checkpoint.npz").exists()
    assert len(model[0].vocabulary_) == 18


def test_the_same_seed_makes_the_same_model_and_quiet_is_quiet(reviews, tmp_path, capfd):
    answers = []
    for name in ("one.joblib", "two.joblib"):
        options = ["--epochs", 1, "--seed", 3, "--quiet", "--out", tmp_path / name]
        assert run("train", reviews, *COLUMNS, *options) == 0
        answers.append(joblib.load(tmp_path / name).predict_proba(REVIEWS))
    np.testing.assert_array_equal(*answers)
    assert capfd.readouterr() == ("", "")


def test_of_each_label_its_share_is_held_out(tmp_path, out, fits):
    labels = ["rare"] * 10 + ["frequent"] * 40 + ["once"]
    rows = [(f"text {i}", label) for i, label in enumerate(labels)]
    table = write_csv(tmp_path / "t.csv", [("text", "label"), *rows])
    with pytest.raises(Fitted):
        run("train", table, "--out", out, "--test-fraction", "0.19")
    ((_, X, y),) = fits
    assert len(X) == len(y) == 41
    assert dict(zip(*np.unique(y, return_counts=True), strict=True)) == {
        "frequent": 32,
        "once": 1,
        "rare": 8,
    }


def test_held_out_texts_are_scored_beside_the_most_frequent_label(
    tmp_path, out, monkeypatch, capsys
):
    rows = [(text, "many" if i % 5 else "few") for i, text in enumerate(REVIEWS)]
    table = write_csv(tmp_path / "t.csv", [("text", "label"), *rows])
    said = np.array(["few"] * 3 + ["many"] * 12)
    monkeypatch.setattr(RNNTextClassifier, "predict", lambda self, X: said[: len(X)])
    assert run("train", table, "--out", out, "--epochs", 1, "--test-fraction", 0.25) == 0
    printed = capsys.readouterr().out
    assert "80.0%, by always answering 'many'" in printed
    assert re.search(r"accuracy  +\d+\.\d% of 15 held-out texts", printed)


def test_columns_called_text_and_label_need_not_be_named(tmp_path, out, fits):
    rows = [(i, text, label) for i, (text, label) in enumerate(zip(REVIEWS, LABELS, strict=True))]
    table = write_csv(tmp_path / "t.csv", [("id", "text", "label"), *rows])
    with pytest.raises(Fitted):
        run("train", table, "--out", out)
    assert set(fits[0][2]) == {"negative", "positive"}


def test_numbers_as_labels_stay_what_they_are_in_the_file(tmp_path, out):
    records = [
        {"text": text, "label": int(label == "positive")}
        for text, label in zip(REVIEWS, LABELS, strict=True)
    ]
    pd.DataFrame(records).to_csv(tmp_path / "t.csv", index=False)
    pd.DataFrame(records).to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    pd.DataFrame(records).to_parquet(tmp_path / "t.parquet")
    for name, expected in {"t.csv": ["0", "1"], "t.jsonl": [0, 1], "t.parquet": [0, 1]}.items():
        assert run("train", tmp_path / name, "--epochs", 1, "--quiet", "--out", out) == 0
        assert joblib.load(out).classes_.tolist() == expected


def test_numbers_are_learned_with_regression(tmp_path, out, capsys):
    rows = [
        (text, 1 if label == "negative" else 4.5)
        for text, label in zip(REVIEWS, LABELS, strict=True)
    ]
    table = write_csv(tmp_path / "t.csv", [("text", "label"), *rows])
    assert run("train", table, "--regression", "--epochs", 2, "--out", out) == 0
    printed = capsys.readouterr().out
    assert re.search(r"labels  +1 to 4\.5, 2\.75 on average", printed)
    assert re.search(r"mean error  +[\d.]+, of 6 held-out texts", printed)
    assert re.search(r"baseline +1\.75, by always answering 2\.75", printed)
    answers = tmp_path / "answers.csv"
    assert run("predict", out, table, "--text", "text", "--out", answers) == 0
    read = pd.read_csv(answers)
    assert list(read) == ["text", "label", "prediction"]
    np.testing.assert_allclose(read["prediction"], joblib.load(out).predict(REVIEWS))


@pytest.mark.parametrize(
    ("texts", "analyzer"),
    [
        (["房间很干净，服务也不错。", "very good 不好"], "char"),
        (["とても良い", "แย่มาก"], "char"),
        (["ຂ້ອຍມັກຮູບເງົາ", "ខ្ញុំចូលចិត្ត", "ဒီရုပ်ရှင်ကို", "གློག་བརྙན་འདི"], "char"),
        (["这 部 电影 很 好看", "房间 又 脏 又 吵"], "word"),
        (["यह फ़िल्म बहुत बुरी थी।", "이 영화 정말 좋아요"], "word"),
        (["a good film called 英雄", "هذا فيلم جيد"], "word"),
        (["1", "2"], "word"),
    ],
)
def test_characters_are_read_where_words_have_no_spaces_between_them(
    tmp_path, out, monkeypatch, capsys, texts, analyzer
):
    rows = [(text, label) for label in "ab" for text in texts * 5]
    table = write_csv(tmp_path / "t.csv", [("text", "label"), *rows])
    vectorizers = []
    fit = SequenceVectorizer.fit_transform
    monkeypatch.setattr(
        SequenceVectorizer,
        "fit_transform",
        lambda self, *data: vectorizers.append(self) or fit(self, *data),
    )
    monkeypatch.setattr(RNNTextClassifier, "fit", lambda *_: (_ for _ in ()).throw(Fitted))
    with pytest.raises(Fitted):
        run("train", table, "--out", out)
    assert vectorizers[0].analyzer == analyzer
    assert ("reading characters" in capsys.readouterr().err) == (analyzer == "char")


def test_a_checkpoint_is_gone_on_from(reviews, tmp_path, monkeypatch):
    options = [*COLUMNS, "--epochs", 2, "--checkpoint-dir", tmp_path / "state", "--quiet"]
    assert run("train", reviews, *options, "--out", tmp_path / "one.joblib") == 0
    monkeypatch.setattr(_callbacks.BatchScore, "on_batch_end", None)  # no batch is read again
    assert run("train", reviews, *options, "--out", tmp_path / "two.joblib") == 0
    one, two = (joblib.load(tmp_path / name) for name in ("one.joblib", "two.joblib"))
    np.testing.assert_array_equal(one.predict_proba(REVIEWS), two.predict_proba(REVIEWS))


def test_too_few_rows_to_hold_some_out_say_so(tmp_path, out, capsys):
    table = write_csv(tmp_path / "t.csv", [("text", "label"), ("so good", 3)])
    line = failure(capsys, "train", table, "--regression", "--out", out)
    assert "1 rows are too few to hold out 10% of them. Give more, or --test-fraction 0" in line


# ---- Interrupted -----------------------------------------------------------------------------


class Interrupt:
    """Press Ctrl-C in an epoch."""

    def __init__(self, monkeypatch, epoch):
        def on_batch_end(callback, net, **kwargs):
            if len(net.history) == epoch:
                raise KeyboardInterrupt

        monkeypatch.setattr(_callbacks.RestoreLastFinite, "on_batch_end", on_batch_end)


# The library warns of the interrupt; the command line has to show that.
@pytest.mark.filterwarnings("default:.*training was interrupted")
def test_what_an_interrupted_training_has_learned_is_saved(reviews, out, capsys, monkeypatch):
    Interrupt(monkeypatch, epoch=2)
    assert run("train", reviews, *COLUMNS, "--out", out) == 130
    printed = capsys.readouterr()
    warning = "sklearn_rnn train: warning: RNNTextClassifier: training was interrupted in epoch 2"
    assert warning in printed.err
    assert re.search(r"epochs  +1 of 20, then interrupted", printed.out)
    assert f"Saved to {out}." in printed.out
    assert joblib.load(out)[-1].n_iter_ == 1


@pytest.mark.filterwarnings("default:.*training was interrupted")
def test_an_interrupt_in_the_first_epoch_leaves_an_older_model(reviews, out, capsys, monkeypatch):
    out.write_bytes(b"older")
    Interrupt(monkeypatch, epoch=1)
    assert run("train", reviews, *COLUMNS, "--out", out) == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "sklearn_rnn train: interrupted. No epoch was finished: nothing was saved."
    assert out.read_bytes() == b"older"
