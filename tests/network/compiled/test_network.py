"""The compiled network: logits and gradients are those of torch in double precision."""

import pytest
import torch

pytest.importorskip("numba")

from compiled_networks import (
    assert_accurate,
    ids_of,
    in_double_precision,
    network_of,
    trained_once,
    vectors_of,
)
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn._network.compilation import compiled_network
from sklearn_rnn._network.pooling import POOLINGS

SHAPES = [  # hidden units, dimensions, and lengths, none of which fits tiles
    (5, 3, [7]),
    (1, 1, [1, 1, 1]),
    (33, 3, [6, 6, 6, 6, 6]),
    (5, 1, [3, 9, 1, 7, 2, 8]),
    (33, 5, [2, 2, 10, 4, 1, 3, 10, 5, 5, 8, 4, 6, 1]),
]
MANY = [4, 9, 1, 7, 7, 2]
every_cell = pytest.mark.parametrize("cell", CELLS)
every_pooling = pytest.mark.parametrize("pooling", POOLINGS)
every_depth = pytest.mark.parametrize(
    ("num_layers", "bidirectional"), [(n, both) for n in (1, 2, 3) for both in (False, True)]
)


def compiled(sequences, lengths, **changes):
    network = network_of(**changes)
    return trained_once(network, compiled_network(network), sequences, lengths)


@every_depth
@every_pooling
@every_cell
def test_logits_and_gradients_of_ids_are_those_of_double_precision(
    cell, pooling, num_layers, bidirectional
):
    for hidden_size, n_dimensions, lengths in SHAPES:
        for input_dropout in (0.0, 0.4):
            changes = {
                **{"cell": cell, "pooling": pooling, "num_layers": num_layers},
                **{"bidirectional": bidirectional, "hidden_size": hidden_size},
                **{"n_dimensions": n_dimensions, "input_dropout": input_dropout},
            }
            batch = ids_of(lengths)
            assert_accurate(compiled(*batch, **changes), in_double_precision(*batch, **changes))


@pytest.mark.parametrize("input_dropout", [0.0, 0.4])
@every_depth
@every_cell
def test_logits_and_gradients_of_vectors_are_those_of_double_precision(
    cell, num_layers, bidirectional, input_dropout
):
    for pooling in POOLINGS:
        changes = {
            **{"cell": cell, "pooling": pooling, "num_layers": num_layers},
            **{"bidirectional": bidirectional, "input_dropout": input_dropout, "n_ids": None},
        }
        batch = vectors_of(MANY, n_dimensions=4)
        assert_accurate(compiled(*batch, **changes), in_double_precision(*batch, **changes))


@pytest.mark.parametrize("linear", ["words", "pairs"])
@every_pooling
@every_cell
def test_dropout_of_all_kinds_and_a_linear_model_are_those_of_torch(cell, pooling, linear):
    rates = {"input_dropout": 0.3, "dropout": 0.3, "branch_dropout": 0.2}
    changes = {"cell": cell, "pooling": pooling, "linear": linear, "num_layers": 2, **rates}
    batch = ids_of(MANY)
    assert_accurate(compiled(*batch, **changes), in_double_precision(*batch, **changes))


@every_cell
def test_a_batch_of_hundreds_of_steps_is_as_accurate(cell):
    changes = {"cell": cell, "pooling": "mean", "bidirectional": True, "hidden_size": 20}
    batch = ids_of([300, 257, 12, 299])
    assert_accurate(compiled(*batch, **changes), in_double_precision(*batch, **changes))


@every_cell
def test_all_features_may_be_dropped(cell):
    changes = {"cell": cell, "num_layers": 2, "input_dropout": 1 - 1e-9}
    batch = ids_of(MANY)
    assert_accurate(compiled(*batch, **changes), in_double_precision(*batch, **changes))


def test_words_that_are_read_as_unknown_share_its_vector_and_its_gradient():
    network, exact = network_of(), network_of().double()
    mask = torch.arange(12) % 3 == 0
    network.unknown_word_mask = exact.unknown_word_mask = mask
    ids, lengths = ids_of(MANY)
    ours = trained_once(network, compiled_network(network), ids, lengths)
    assert_accurate(ours, trained_once(exact, exact, ids, lengths))
    assert not ours[1][mask].any()


def test_a_frozen_table_gets_no_gradient_and_changes_no_other():
    network = network_of(num_layers=2)
    forward, (table, *weights) = compiled_network(network), network.parameters()
    assert table is network.embedding.weight
    gradients = []
    for is_frozen in (False, True):
        table.requires_grad_(not is_frozen)
        logits = forward(*ids_of(MANY))
        gradients.append(torch.autograd.grad(logits.sum(), weights))
    for thawed, frozen in zip(*gradients, strict=True):
        assert torch.equal(thawed, frozen)


@pytest.mark.parametrize("n_ids", [None, 12])
@every_pooling
@every_cell
def test_predictions_are_those_of_double_precision_and_need_no_graph(cell, pooling, n_ids):
    changes = {"cell": cell, "pooling": pooling, "n_ids": n_ids, "bidirectional": True}
    changes |= {"num_layers": 2, "linear": "pairs", "branch_dropout": 0.2, "input_dropout": 0.5}
    network, exact = network_of(**changes).eval(), network_of(**changes).double().eval()
    sequences, lengths = ids_of(MANY) if n_ids else vectors_of(MANY, 4)
    in_double = sequences if n_ids else sequences.double()
    forward = compiled_network(network)
    ours = [forward.logits(sequences, lengths), forward.features(sequences, lengths)]
    assert not any(tensor.requires_grad for tensor in ours)
    with torch.no_grad():
        assert_accurate(ours, [exact(in_double, lengths), exact.features(in_double, lengths)])


# ---- What else is in the batch ---------------------------------------------------------------


@every_pooling
@every_cell
def test_padding_company_and_order_of_texts_change_nothing(cell, pooling):
    network = network_of(cell=cell, pooling=pooling, num_layers=2, bidirectional=True)
    forward = compiled_network(network)
    ids, lengths = ids_of(MANY)
    together = forward(ids, lengths).detach()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    reordered = forward(ids[order], lengths[order]).detach()
    padded = forward(torch.nn.functional.pad(ids, (0, 4)), lengths).detach()
    alone = torch.cat(
        [forward(row[None, :n], n[None]) for row, n in zip(ids, lengths, strict=True)]
    )
    for same in (padded, alone.detach(), reordered[order.argsort()]):
        torch.testing.assert_close(same, together, atol=1e-6, rtol=0)


@every_pooling
def test_ids_past_a_texts_end_are_never_read(pooling):
    network = network_of(pooling=pooling, num_layers=2, bidirectional=True)
    ids, lengths = ids_of([4, 9, 1], seed=3)
    dirty = torch.where(torch.arange(9) < lengths[:, None], ids, 11)
    forward = compiled_network(network)
    for one, other in zip(
        trained_once(network, forward, ids, lengths),
        trained_once(network, forward, dirty, lengths),
        strict=True,
    ):
        assert torch.equal(one, other)


@pytest.mark.parametrize("pooling", ["last", "max", "flatten"])
@every_cell
def test_a_batch_is_not_influenced_by_what_is_left_of_a_longer_one(cell, pooling):
    changes = {"cell": cell, "pooling": pooling, "num_layers": 2, "bidirectional": True}
    network = network_of(**changes, hidden_size=33, input_dropout=0.3)
    shorter = ids_of([3, 1, 2], seed=1)
    expected = trained_once(network, compiled_network(network), *shorter)
    forward = compiled_network(network)
    trained_once(network, forward, *ids_of([9, 9, 8, 2, 4], seed=2))
    for memory in forward.buffers._memory.values():
        memory.fill(torch.nan)
    for ours, fresh in zip(trained_once(network, forward, *shorter), expected, strict=True):
        assert torch.equal(ours, fresh)


# ---- Numbers that are not finite -------------------------------------------------------------


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@every_pooling
@every_cell
def test_numbers_that_are_not_finite_come_out_of_texts_that_contain_their_word(
    cell, pooling, value
):
    network = network_of(cell=cell, pooling=pooling, num_layers=2, bidirectional=True)
    ids, lengths = ids_of(MANY)
    with torch.no_grad():
        network.embedding.weight[5] = value
    logits = compiled_network(network)(ids, lengths)
    contain = (ids == 5).any(dim=1)
    assert 0 < contain.sum() < len(ids)
    if value != value:
        assert logits[contain].isnan().all()
    else:  # infinity may be a gate that is open
        assert torch.equal(logits[contain].isfinite(), network(ids, lengths)[contain].isfinite())
    assert logits[~contain].isfinite().all()


@every_pooling
@every_cell
def test_a_weight_that_is_no_number_makes_all_logits_none(cell, pooling):
    names = dict(network_of(cell=cell, pooling=pooling, num_layers=2).named_parameters())
    of_cells = [name for name in names if name.startswith("layers.")]
    for name in of_cells:
        network = network_of(cell=cell, pooling=pooling, num_layers=2, hidden_size=1)
        with torch.no_grad():
            network.get_parameter(name).fill_(torch.nan)
        logits = compiled_network(network)(*ids_of([4, 9, 7]))
        assert logits.isnan().all(), name
