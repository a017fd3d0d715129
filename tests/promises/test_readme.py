"""README and docs keep their word: their code runs, and what they point at is there."""

import re

import pytest

from paths import ROOT

PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}
README = PAGES["README.md"]
FENCED = r"^```.*?^```"
# A path in backticks such as `examples/lecture.py` or `CHANGELOG.md` is the project's own.
OWN_FILE = r"`([\w.-]+/[\w./-]+\.(?:md|png|py|svg|toml|txt)|[A-Z]+\.md|LICENSE|constraints\.txt)`"


def unique(pattern, text):
    return sorted(set(re.findall(pattern, text, flags=re.MULTILINE | re.DOTALL)))


def prose(page):
    return re.sub(FENCED, "", page, flags=re.MULTILINE | re.DOTALL)


def in_prose(pattern):
    """Give each match with the page that it stands on."""
    return [(name, hit) for name, page in PAGES.items() for hit in unique(pattern, prose(page))]


COMMANDS = "\n".join(
    code for page in PAGES.values() for code in unique(FENCED, page) + re.findall(r"`.+?`", page)
)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


NEEDS = {
    "embeddings": ["gensim"],
    "few_labels": ["gensim"],
    "gensim": ["gensim"],
    "lecture": ["gensim"],
    "scale": ["distributed"],
    "recipes": ["gensim", "jieba", "pandas", "skops"],
    "reliability": ["skops"],
    "zh/index": ["jieba"],
}
"""Optional packages that a page's code imports."""


@pytest.mark.parametrize("name", PAGES)
def test_the_python_blocks_run_as_written_in_order(name, tmp_path, monkeypatch):
    for part, needed in NEEDS.items():
        if part in name:
            for package in needed:
                pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "page"}
    page = PAGES[name]
    for block in re.finditer(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL):
        line = page.count("\n", 0, block.start(1))
        code = "\n" * line + block[1]  # a traceback then names the page's own lines
        exec(compile(code, ROOT / name, "exec"), namespace)


@pytest.mark.parametrize(("name", "link"), in_prose(r"\]\((?!\w+:|#)([^)#\s]+)"))
def test_relative_links_lead_somewhere(name, link):
    assert (ROOT / name).parent.joinpath(link).exists()


@pytest.mark.parametrize(("name", "path"), in_prose(OWN_FILE))
def test_named_files_exist(name, path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("target", unique(r"\bmake ([a-z]+(?:-[a-z]+)*)\b", COMMANDS))
def test_named_make_targets_exist(target):
    assert re.search(rf"^{target}:", MAKEFILE, flags=re.MULTILINE)


def test_the_lectures_table_reaches_what_it_set_out_for():
    row = r"^\| ([^|]+) \| [\d,]+ \| .* \| ([\d.]+)% ± [\d.]+ \|$"
    rows = re.findall(row, README, flags=re.MULTILINE)
    test_accuracy = {title: float(percent) for title, percent in rows}
    assert len(test_accuracy) == 8
    assert test_accuracy["SimpleRNN, last state"] >= 84.4
    assert test_accuracy["SimpleRNN, all states"] >= 84.7
    assert test_accuracy["LSTM"] >= 87


def test_the_table_of_pretraining_backs_what_is_said_of_it():
    row = r"^\| ([^|]+), \d+ dimensions \| ([^|]+% .*) \|$"
    accuracy = {
        title.split()[0]: [float(percent) for percent in re.findall(r"([\d.]+)%", cells)]
        for title, cells in re.findall(row, PAGES["docs/embeddings.md"], flags=re.MULTILINE)
    }
    learned = accuracy.pop("learned")
    gains = {
        title: [round(a - b, 1) for a, b in zip(row, learned, strict=True)]
        for title, row in accuracy.items()
    }
    assert sorted(gain[0] for gain in gains.values()) == [6.2, 10.6, 12.8]
    assert sorted(gain[1] for gain in gains.values()) == [6.5, 7.2, 13.4]
    assert gains["word2vec"][2:] == [4.6, 3.4]
    assert max(gains["transfer"][2:] + gains["GloVe"][2:]) < 0


def test_the_readmes_accuracies_are_those_of_the_whole_table():
    row = r"^\| ([^|]+) \| ([\d.]+)%.*? \| ([\d.]+)%.*? \| ([\d.]+)%.*? \|"
    short = dict.fromkeys(re.findall(row, README, flags=re.MULTILINE))
    whole = re.findall(row, PAGES["docs/accuracy.md"], flags=re.MULTILINE)
    assert len(whole) == 8
    assert set(whole) <= set(short)
    *sets, mean = (tuple(map(float, cells)) for _, *cells in whole)
    for total, cells in zip(mean, zip(*sets, strict=True), strict=True):
        assert total == pytest.approx(sum(cells) / len(cells), abs=0.1)


def code_of(name):
    return re.findall(r"^```(?:python|sh)\n.*?^```", PAGES[name], flags=re.MULTILINE | re.DOTALL)


def lecture_table(name):
    return re.findall(r"^\| [^|]+( \| \d{3},\d{3} \| .*)$", PAGES[name], flags=re.MULTILINE)


def test_the_chinese_lecture_has_the_code_and_the_figures_of_the_english_one():
    english, chinese = "docs/lecture.md", "docs/zh/lecture.md"
    assert code_of(english) == code_of(chinese)
    assert len(lecture_table("README.md")) == 8
    assert lecture_table("README.md") == lecture_table(english) == lecture_table(chinese)


# ---- The map of the code -----------------------------------------------------------------------

MAP = PAGES["docs/development.md"]


def files_in_the_tree():
    """Give the files that the map's tree names, by their paths in the package."""
    tree = re.search(r"^sklearn_rnn/\n(.*?)^```", MAP, flags=re.MULTILINE | re.DOTALL)[1]
    folders: list[str] = []  # those that a line is in, from the outermost
    for line in filter(None, tree.splitlines()):
        depth = (len(line) - len(line.lstrip())) // 2
        for folder, file in re.findall(r"^ *(\w+/)|(\w+\.py)(?=\s)", line):
            folders = folders[: depth - 1] + ([folder] if folder else [])
            if file:
                yield "".join(folders) + file


def test_the_map_shows_each_file_of_the_package_where_it_is():
    home = ROOT / "sklearn_rnn"
    there = {str(path.relative_to(home)) for path in home.rglob("*.py")}
    faces = {path for path in there if path.endswith("__init__.py")}
    assert sorted(files_in_the_tree()) == sorted(there - faces)


def test_the_ways_on_the_map_name_what_is_in_the_files_that_they_name():
    lines = re.findall(r"^ *([\w.]+(?:, \w+)*) {2,}(\w[\w/]+\.py)\b", MAP, flags=re.MULTILINE)
    assert len(lines) > 30
    for names, path in lines:
        code = (ROOT / "sklearn_rnn" / path).read_text("utf-8")
        for name in names.split(", "):
            assert re.search(rf"\b(?:def|class) {name.rpartition('.')[2]}\b", code), (name, path)
