"""The README keeps its word: its code runs, and what it points at is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCED = r"^```.*?^```"
# A path in backticks such as `examples/lecture.py` or `CHANGELOG.md` is the project's own.
OWN_FILE = r"`([\w.-]+/[\w./-]+\.(?:md|png|py|svg|toml|txt)|[A-Z]+\.md|LICENSE|constraints\.txt)`"


def unique(pattern, text):
    return sorted(set(re.findall(pattern, text, flags=re.MULTILINE | re.DOTALL)))


PROSE = re.sub(FENCED, "", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = "\n".join(unique(FENCED, README) + unique(r"`([^`\n]+)`", PROSE))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_python_blocks_run_as_written_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "readme"}
    for block in re.finditer(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL):
        line = README.count("\n", 0, block.start(1))
        code = "\n" * line + block[1]  # a traceback then names the README's own lines
        exec(compile(code, ROOT / "README.md", "exec"), namespace)


@pytest.mark.parametrize("link", unique(r"\]\((?!\w+:|#)([^)#\s]+)", PROSE))
def test_relative_links_lead_somewhere(link):
    assert (ROOT / link).exists()


@pytest.mark.parametrize("path", unique(OWN_FILE, PROSE))
def test_named_files_exist(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("target", unique(r"\bmake ([a-z]+)\b", COMMANDS))
def test_named_make_targets_exist(target):
    assert re.search(rf"^{target}:", MAKEFILE, flags=re.MULTILINE)


def test_the_lectures_table_reaches_what_it_set_out_for():
    rows = re.findall(r"^\| ([^|]+) \| [\d,]+ \| .* \| ([\d.]+)% \|$", README, flags=re.MULTILINE)
    test_accuracy = {title: float(percent) for title, percent in rows}
    assert len(test_accuracy) == 8
    assert test_accuracy["SimpleRNN, last state"] >= 84.4
    assert test_accuracy["SimpleRNN, all states"] >= 84.7
    assert test_accuracy["LSTM"] >= 87
