"""Placeholders of a docstring are filled in, and nothing else is changed."""

from sklearn_rnn._utils.docstrings import fill_doc


def test_each_placeholder_is_replaced_wherever_it_occurs():
    @fill_doc(what="texts", how="{what} again")
    class Reader:
        """Read {what}, then {how}; {this} stays, and so does a dict {}."""

    assert Reader.__doc__ == "Read texts, then {what} again; {this} stays, and so does a dict {}."


def test_the_class_itself_is_returned_even_without_a_docstring():
    class Reader:
        pass

    assert fill_doc(what="texts")(Reader) is Reader
