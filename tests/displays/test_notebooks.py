"""Models tell their size in notebooks."""

import re

from pages import Reader, table_rows


def test_the_summary_is_a_table_in_a_notebook(model):
    summary = model[-1].summary()
    page = Reader(summary._repr_html_())
    assert "table" in page.tags
    for name, shape, n in summary.layers:
        assert {name, str(shape), f"{n:,}"} <= set(page.text)
    assert f"{summary.total:,}" in page.text


def test_the_diagram_of_a_pipeline_shows_its_size(model):
    cells = [re.sub(r"<[^>]+>", " ", row).split() for row in table_rows(model)]
    shown = {row[0]: row[-1] for row in cells if row}
    assert shown["vocabulary_size_"] == str(model[0].vocabulary_size_)
    assert shown["n_parameters_"] == str(model[-1].n_parameters_)
    assert shown["n_iter_"] == "3"
    assert shown["best_epoch_"] == str(model[-1].best_epoch_)
