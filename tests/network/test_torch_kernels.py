"""The recurrent kernels: values and gradients are torch's own, or those of single steps."""

import pytest
import torch

from plain_network import draw
from sklearn_rnn._network import torch_kernels

N_GATES = {"rnn": 1, "gru": 3}
OURS = {"rnn": torch_kernels.simple_rnn, "gru": torch_kernels.gru}
TORCHS = {"rnn": torch.rnn_tanh, "gru": torch.gru}


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


@pytest.mark.parametrize("n_steps", [1, 2, 3, 4, 7, 8, 9])
def test_a_scan_of_a_minimal_gru_equals_its_steps_one_by_one(n_steps):
    projected = draw(n_steps, 3, 8, seed=1)
    update, candidate = projected[..., :4].sigmoid(), projected[..., 4:].tanh()
    states = [torch.zeros(3, 4, dtype=torch.float64)]
    for z, n in zip(update, candidate, strict=True):
        states.append((1 - z) * states[-1] + z * n)
    expected = torch.stack(states[1:])
    torch.testing.assert_close(torch_kernels.minimal_gru(projected), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_steps", [1, 5])
def test_gradients_of_a_minimal_gru_equal_finite_differences(n_steps):
    projected = draw(n_steps, 3, 8, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(torch_kernels.minimal_gru, [projected])
