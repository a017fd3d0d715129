import pytest
import torch
from torch.func import functional_call

from sklearn_rnn._network import kernels
from sklearn_rnn._network.cells import CELLS
from sklearn_rnn._network.network import RecurrentNetwork
from sklearn_rnn._network.pooling import POOLINGS, StateSizes
from sklearn_rnn._network.recurrent import _Mirror, _mirror_index

N_GATES = {"rnn": 1, "gru": 3}
OURS = {"rnn": kernels.simple_rnn, "gru": kernels.gru}
TORCHS = {"rnn": torch.rnn_tanh, "gru": torch.gru}


def draw(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=dtype)


def projected_and_recurrent(cell, n_steps=5, n_texts=3, n_hidden=4):
    n_rows = N_GATES[cell] * n_hidden
    projected = draw(n_steps, n_texts, n_rows, seed=1)
    recurrent = draw(n_rows, n_hidden, seed=2)
    return projected.requires_grad_(), recurrent.requires_grad_()


@pytest.mark.parametrize("n_steps", [1, 5])
@pytest.mark.parametrize("cell", N_GATES)
def test_gradients_equal_finite_differences(cell, n_steps):
    assert torch.autograd.gradcheck(OURS[cell], projected_and_recurrent(cell, n_steps))


@pytest.mark.parametrize("cell", N_GATES)
def test_values_and_gradients_equal_torchs_own(cell):
    n_inputs, n_hidden = 6, 4
    inputs = draw(7, 3, n_inputs, seed=1)
    weight = draw(N_GATES[cell] * n_hidden, n_inputs, seed=2)
    recurrent = draw(N_GATES[cell] * n_hidden, n_hidden, seed=3)
    bias = draw(N_GATES[cell] * n_hidden, seed=4)
    learned = [tensor.requires_grad_() for tensor in (inputs, weight, recurrent, bias)]
    from_above = draw(7, 3, n_hidden, seed=5)

    ours = OURS[cell](torch.nn.functional.linear(inputs, weight, bias), recurrent)
    flat = [weight, recurrent, bias, torch.zeros_like(bias)]
    start = torch.zeros(1, 3, n_hidden, dtype=torch.float64)
    theirs, _ = TORCHS[cell](inputs, start, flat, True, 1, 0.0, False, False, False)

    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    for mine, its in zip(
        torch.autograd.grad(ours, learned, from_above),
        torch.autograd.grad(theirs, learned, from_above),
        strict=True,
    ):
        torch.testing.assert_close(mine, its, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cell", N_GATES)
def test_gradients_do_not_depend_on_memory_layout(cell):
    projected, recurrent = projected_and_recurrent(cell)
    from_above = draw(3, 5, 4, seed=3).transpose(0, 1)
    across = projected.detach().transpose(0, 2).contiguous().transpose(0, 2).requires_grad_()
    assert not across.is_contiguous()
    assert not from_above.is_contiguous()
    pairs = zip(
        torch.autograd.grad(
            OURS[cell](projected, recurrent), [projected, recurrent], from_above.contiguous()
        ),
        torch.autograd.grad(OURS[cell](across, recurrent), [across, recurrent], from_above),
        strict=True,
    )
    for plain, strided in pairs:
        torch.testing.assert_close(strided, plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", N_GATES)
def test_inputs_and_incoming_gradients_are_left_alone(cell):
    projected, recurrent = projected_and_recurrent(cell)
    from_above = draw(5, 3, 4, seed=3)
    before = [tensor.detach().clone() for tensor in (projected, recurrent, from_above)]
    OURS[cell](projected, recurrent).backward(from_above)
    for tensor, old in zip((projected, recurrent, from_above), before, strict=True):
        assert torch.equal(tensor, old)


@pytest.mark.parametrize("cell", N_GATES)
def test_single_precision_stays_near_double_precision(cell):
    n_hidden = 32
    projected = draw(100, 8, N_GATES[cell] * n_hidden, seed=1)
    recurrent = draw(N_GATES[cell] * n_hidden, n_hidden, seed=2) / n_hidden**0.5
    results = {}
    for dtype in (torch.float32, torch.float64):
        learned = [tensor.to(dtype).requires_grad_() for tensor in (projected, recurrent)]
        states = OURS[cell](*learned)
        assert states.dtype == dtype
        loss = states.square().mean()
        results[dtype] = [states, *torch.autograd.grad(loss, learned)]
    for single, double in zip(*results.values(), strict=True):
        torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)


def test_mirror_reverses_each_text_within_its_own_length():
    lengths = torch.tensor([4, 2, 1])
    inputs = torch.arange(12.0).view(4, 3, 1)  # (T, N, 1)
    mirrored = _Mirror.apply(inputs, _mirror_index(lengths, 4))[..., 0].T.tolist()
    assert mirrored == [[9, 6, 3, 0], [4, 1, 7, 10], [2, 5, 8, 11]]


def test_mirror_is_its_own_inverse_and_its_gradients_are_exact():
    index = _mirror_index(torch.tensor([4, 1, 3]), 4)
    inputs = draw(4, 3, 2).requires_grad_()
    assert torch.equal(_Mirror.apply(_Mirror.apply(inputs, index), index), inputs)
    assert torch.autograd.gradcheck(_Mirror.apply, (inputs, index))
    assert torch.autograd.gradgradcheck(_Mirror.apply, (inputs, index))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradients_of_pooling_equal_finite_differences(pooling):
    pool = POOLINGS[pooling](StateSizes(n_states=4, n_hidden=2, n_steps=6)).double()
    lengths = torch.tensor([4, 1, 3])
    states = draw(4, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda states: pool(states, lengths), [states])


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_a_whole_network_equal_finite_differences(cell):
    network = RecurrentNetwork(
        n_ids=5,
        n_dimensions=2,
        n_outputs=1,
        n_places=4,
        cell=cell,
        hidden_size=2,
        num_layers=2,
        bidirectional=True,
        pooling="attention",
        input_dropout=0.0,
        dropout=0.0,
        linear="none",
        n_pairs=0,
        branch_dropout=0.0,
        generator=torch.Generator().manual_seed(0),
    ).double()
    ids, lengths = torch.tensor([[2, 3, 4], [4, 0, 0]]), torch.tensor([3, 1])
    names, values = zip(*network.named_parameters(), strict=True)

    def logits(*parameters):
        named = dict(zip(names, parameters, strict=True))
        # The padding's row has no gradient by design: keep its perturbation out.
        named["embedding.weight"] = torch.cat([torch.zeros(1, 2), named["embedding.weight"][1:]])
        return functional_call(network, named, (ids, lengths))

    assert torch.autograd.gradcheck(logits, values)
