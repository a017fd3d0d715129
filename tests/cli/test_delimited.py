"""What is written as a table is read again, and no row of other programs' tables is lost."""

import csv
import io
import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_rnn._cli import delimited as _delimited
from sklearn_rnn._cli.delimited import (
    read_csv,
    read_tsv,
    without_formulas,
    write_csv,
    write_tsv,
)
from sklearn_rnn._cli.table import Table
from sklearn_rnn._cli.table_files import read_table, write_table

# Letters that formats are made of, so that a few of them are likely to mean something.
MARKS = st.text(alphabet="\"',;|\t\r\n\\ a1\ufeff\u2028\x85\x00é", max_size=8)
TEXTS = st.one_of(MARKS, st.text(max_size=8))
FORMATS = {"csv": (write_csv, read_csv), "tsv": (write_tsv, read_tsv)}


def cells_of(records):
    return [record.cells for record in records]


@st.composite
def tables(draw, cells=TEXTS):
    n_columns = draw(st.integers(1, 3))
    names = st.lists(cells.filter(bool), min_size=n_columns, max_size=n_columns, unique=True)
    rows = st.lists(
        st.lists(cells, min_size=n_columns, max_size=n_columns), min_size=1, max_size=5
    )
    return [draw(names), *draw(rows)]


@pytest.mark.parametrize("ending", FORMATS)
@settings(deadline=None)
@given(rows=tables())
def test_any_table_comes_back_as_it_was(ending, rows):
    write, read = FORMATS[ending]
    assert cells_of(read("ours", write(rows))) == rows


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet", "t.tsv.gz"])
@settings(deadline=None, max_examples=25)
@given(rows=tables())
def test_any_table_comes_back_from_a_file(tmp_path_factory, name, rows):
    path = tmp_path_factory.mktemp("t") / name
    write_table(Table("ours", rows[0], rows[1:], []), path)
    read = read_table(path)
    assert (read.columns, read.rows) == (rows[0], rows[1:])


# ---- TSV -------------------------------------------------------------------------------------


ONE_LINE = TEXTS.filter(lambda text: not set(text) & set("\t\r\n\ufeff"))


@settings(deadline=None)
@given(rows=st.lists(st.tuples(ONE_LINE, st.sampled_from("+-")), min_size=1, max_size=8))
def test_in_tsv_each_line_is_a_row_and_each_character_its_own(rows):
    text = "".join("\t".join(row) + "\n" for row in [("text", "label"), *rows])
    assert cells_of(read_tsv("theirs", text)) == [["text", "label"], *map(list, rows)]


@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@settings(deadline=None)
@given(rows=st.lists(st.tuples(MARKS, st.integers()), min_size=1, max_size=5))
def test_a_tsv_file_with_every_text_in_quotation_marks_is_read_without_them(quoting, rows):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter="\t", quoting=quoting).writerows([("text", "n"), *rows])
    read = cells_of(read_tsv("theirs", file.getvalue()))
    assert read == [["text", "n"], *([text, str(number)] for text, number in rows)]


def test_a_text_on_several_lines_that_pandas_quoted_is_one_text():
    frame = pd.DataFrame({"text": ['so "good"\n\nfilm', "bad"], "label": ["+", "-"]})
    text = frame.to_csv(sep="\t", index=False)
    assert cells_of(read_tsv("theirs", text))[1:] == frame.to_numpy().tolist()


@pytest.mark.parametrize(
    "text",
    [
        'text\tlabel\n"so good\t+\nbroken\nfilm"\t-\n',
        'text\tlabel\n"so good\t+\nfine\t+\nfilm"\t-\nbroken\n',
        'label\ttext\n+\t"so good\n-\tfine\n-\tfilm"\nbroken\n',
    ],
)
def test_quotation_marks_join_no_lines_that_are_rows(text):
    lines = [line.split("\t") for line in text.splitlines()]
    assert cells_of(read_tsv("theirs", text)) == lines


# ---- CSV -------------------------------------------------------------------------------------


# Programs that do not quote: a quotation mark where one text begins, one where another ends.
SWALLOWED = [
    'text,label\n"so good,+\nbad,-\n5",+\nfine,-\nmeh,+\n',
    'text,label\n"so good,+\nbad, really,-\n5",+\nfine,+\n',
    'text,label\n"so good,+\nnever seen again,-\n5",+\nfine,+\n',
    'label,text\n+,"so good\n-,bad\n+,5"\n-,fine\n',
    'id,text\n1,"so good\n2,bad\n3,5"\n4,fine\n',
    'id,text,label\r\n1,"so good,+\r\n2,bad,-\r\n3,5",+\r\n4,fine,-\r\n',
    'text,stars\n"so good,1.25\nbad,2.5\n5",3.75\nfine,4.5\n',
    'text;label\n"so good;+\nbad;-\n5";+\nfine;-\n',
    'text,date\n"so good,2020-01-02\nbad,2021-11-30\n5",2022-03-04\nfine,2023-05-06\n',
    'text\n"so good\nbad\n5"\nwhat is "fine"?\n',
    'label,text,date\n+,"so good,May\n-,5"\n-,bad,May\n+,fine,June\n',
]


@pytest.mark.parametrize("text", SWALLOWED)
def test_rows_that_quotation_marks_would_swallow_are_refused(text):
    with pytest.raises(ValueError, match=r"^'theirs' line 2: a quotation mark opens a field that"):
        read_csv("theirs", text)


@pytest.mark.parametrize(
    "text",
    [
        "so good,\nbut no, really",
        "one, two\n\nthree",
        "Good:\n1, cheap\n2, near\n",
        "It cost 5, or 6\nbut",
        "I say: +\n- no",
    ],
)
def test_a_text_on_several_lines_is_one_text(text):
    rows = [["id", "text", "label"], ["1", text, "+"], ["2", "bad", "-"]]
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    assert cells_of(read_csv("theirs", file.getvalue())) == rows


def test_quotation_marks_everywhere_mean_what_they_say():
    text = '"text","label"\n"so good,+\nbad,-\nfine","+"\n'
    assert cells_of(read_csv("theirs", text))[1:] == [["so good,+\nbad,-\nfine", "+"]]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('good film, "pos"\nbad, "neg"\n', [["good film", "pos"], ["bad", "neg"]]),
        ('"good, film",  "pos"\nbad,neg\n', [["good, film", "pos"], ["bad", "neg"]]),
        (' "two\nlines", "pos"\n', [["two\nlines", "pos"]]),
        # A text that begins like this is no quotation.
        (' "good" he said,pos\n bad,neg\n', [[' "good" he said', "pos"], [" bad", "neg"]]),
        ('"he said, ""hi""",pos\n bad,neg\n', [['he said, "hi"', "pos"], [" bad", "neg"]]),
    ],
)
def test_quotation_marks_may_stand_behind_spaces(text, rows):
    assert cells_of(read_csv("theirs", f"text,label\n{text}"))[1:] == rows


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_what_separates_the_header_separates_the_fields(separator):
    text = "text,label\ngood,+\n".replace(",", separator)
    assert cells_of(read_csv("theirs", text)) == [["text", "label"], ["good", "+"]]


def test_separators_in_quotation_marks_separate_nothing():
    text = '"text, whole";label\n"so good; really, yes";+\n'
    assert cells_of(read_csv("t", text))[1:] == [["so good; really, yes", "+"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize(("read", "separator"), [(read_csv, ","), (read_tsv, "\t")])
def test_lines_end_as_programs_end_them(read, separator, end, last):
    lines = [separator.join(cells) for cells in (["text", "label"], ["good", "+"], ["bad", "-"])]
    text = end.join(lines) + end * last
    assert cells_of(read("t", text))[1:] == [["good", "+"], ["bad", "-"]]


def test_a_carriage_return_within_a_line_ends_no_row():
    with pytest.raises(ValueError, match="'t' line 3 contains a carriage return outside"):
        read_csv("t", "text\ngood\nso\rso\n")
    assert cells_of(read_tsv("t", "text\ngood\nso\rso\n"))[2] == ["so\rso"]


def test_empty_cells_beyond_the_header_are_left_out_but_others_are_refused():
    assert cells_of(read_csv("t", "text,label\ngood,+,, \n"))[1] == ["good", "+"]
    with pytest.raises(ValueError, match="line 2 has 3 fields, but the first line names 2 col"):
        read_csv("t", "text,label\ngood, really,+\n")
    with pytest.raises(ValueError, match="TSV file cannot contain a tab"):
        read_tsv("t", "text\tlabel\ngood\treally\t+\n")


# ---- Many columns, many lines ----------------------------------------------------------------


class Counted(list):
    """Counts the elements that are handed out."""

    n_seen = 0

    def __iter__(self):
        for element in super().__iter__():
            self.n_seen += 1
            yield element

    def __getitem__(self, key):
        found = super().__getitem__(key)
        self.n_seen += len(found) if isinstance(key, slice) else 1
        return found


@pytest.mark.parametrize("place", [0, 250, 499])
@pytest.mark.parametrize("line", ["", "a", "a,b", "a," * 499 + "a"])
def test_a_text_of_many_lines_beside_many_columns_takes_time_for_what_it_holds(place, line):
    columns = Counted({"x"} for _ in range(500))
    cells = ["x"] * 500
    cells[place] = "\n".join([line] * 200)
    _delimited._joins_rows(cells, columns, ",")
    assert columns.n_seen <= 2 * (len(cells[place]) + 500)


# ---- Formulas --------------------------------------------------------------------------------


SEPARATORS = {",": ";\t|\r\n", "\t": ",;\t|\r\n"}
FORMULAS = [
    "=cmd|'/c calc'!A1",
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "＝1+1",
    "＠SUM(A1)",
    "-",
    "=-5",
]
NUMBERS = ["5", "-5", "+5", "-5.25", "-.5", "-5.", "-5,25", "-1,234.50", "-5e-3", "-5%", "-٥"]
either = pytest.mark.parametrize("separator", [",", "\t"])


def escaped(cell, separator=","):
    ((cell,),) = without_formulas([[cell]], separator)
    return cell


@either
@pytest.mark.parametrize("before", ["", " ", "\xa0", "\ufeff", "\x00", "\t", "\r", "\n"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_stands_behind_an_apostrophe(separator, before, formula):
    cell = escaped(before + formula, separator)
    assert cell.startswith("'") or (before == "\n" and cell.startswith("\n'"))
    assert cell.replace("'", "") == (before + formula).replace("'", "")


@either
@pytest.mark.parametrize("start", ["\tx", "\rx", "\t", "\r"])
def test_so_does_what_begins_with_a_tab_or_a_carriage_return(separator, start):
    assert escaped(start, separator) == f"'{start}"


@either
@pytest.mark.parametrize("number", [*NUMBERS, *(f" {number} " for number in NUMBERS), -5, -5.5])
def test_numbers_are_not_touched(separator, number):
    assert escaped(number, separator) == number


@either
@pytest.mark.parametrize(
    "text", ["", "a-b", "a = b", "me@x.org", "'=1", "5-3", None, True, "a\tb"]
)
def test_other_texts_are_not_touched(separator, text):
    assert escaped(text, separator) == text


@given(st.text("=+-@ 1,.;\t|\r\na'\xa0", max_size=20), st.sampled_from([",", "\t"]))
def test_no_formula_begins_behind_any_separator_that_may_be_set(cell, separator):
    fields = re.split(f"[{SEPARATORS[separator]}]", escaped(cell, separator))
    for field in fields:
        field = field.strip(" \xa0")
        assert not field.startswith(("=", "@"))
        assert field[:1] not in ("+", "-") or re.fullmatch(r"[-+][.,]?\d+([.,]\d+)*[.,]?", field)


@given(st.text("=+-@ 1,.;\t|\r\na'\xa0", max_size=20), st.sampled_from([",", "\t"]))
def test_nothing_but_apostrophes_is_added_and_only_once(cell, separator):
    once = escaped(cell, separator)
    assert escaped(once, separator) == once
    marks = iter(once)
    assert all(sign in marks for sign in cell)  # in this order
    assert set(once) <= {*cell, "'"}


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_a_table_is_written_without_formulas_where_that_is_asked_for(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    table = Table("ours", ["text", "@n"], [["=1+1", -5], ["good", "-5"]], [1, 2])
    write_table(table, path)
    assert read_table(path).rows == [["=1+1", "-5"], ["good", "-5"]]
    write_table(table, path, escape_formulas=True)
    read = read_table(path)
    assert read.columns == ["text", "'@n"]
    assert read.rows == [["'=1+1", "-5"], ["good", "-5"]]
