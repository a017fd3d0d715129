import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from sklearn_rnn._utils.threads import one_blas_thread, single_threaded_math, thread_map


@pytest.fixture(params=[2, 3])
def n_threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def denormals_are_flushed(_=None):
    return (torch.tensor([1e-20]) * torch.tensor([1e-20])).item() == 0.0


@pytest.fixture
def denormals_kept():
    if not torch.set_flush_denormal(False):
        pytest.skip("this processor cannot flush denormal numbers")
    yield
    torch.set_flush_denormal(False)


@pytest.mark.usefixtures("denormals_kept")
def test_inside_there_is_one_thread_and_denormals_are_flushed(n_threads):
    with single_threaded_math():
        assert torch.get_num_threads() == 1
        assert denormals_are_flushed()
    assert torch.get_num_threads() == n_threads
    assert not denormals_are_flushed()


@pytest.mark.usefixtures("denormals_kept")
def test_settings_are_put_back_when_the_block_raises(n_threads):
    with pytest.raises(ZeroDivisionError), single_threaded_math():
        _ = 1 / 0
    assert torch.get_num_threads() == n_threads
    assert not denormals_are_flushed()


@pytest.mark.usefixtures("denormals_kept")
def test_who_flushed_denormals_before_still_does_afterwards():
    torch.set_flush_denormal(True)
    with single_threaded_math():
        pass
    assert denormals_are_flushed()


@pytest.mark.usefixtures("denormals_kept")
def test_a_block_within_a_block_changes_nothing_for_the_outer_one(n_threads):
    with single_threaded_math():
        with single_threaded_math():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
        assert denormals_are_flushed()
    assert torch.get_num_threads() == n_threads
    assert not denormals_are_flushed()


@pytest.mark.usefixtures("denormals_kept")
def test_several_python_threads_inside_at_once_each_find_their_settings_again(n_threads):
    n_workers = 4
    all_inside = threading.Barrier(n_workers, timeout=30)
    one_by_one = [threading.Event() for _ in range(n_workers + 1)]
    one_by_one[0].set()

    def work(place):
        with single_threaded_math():
            all_inside.wait()
            one_by_one[place].wait(30)  # all leave while later ones are still inside
            inside = torch.get_num_threads(), denormals_are_flushed()
        outside = torch.get_num_threads(), denormals_are_flushed()
        one_by_one[place + 1].set()
        return inside, outside

    with ThreadPoolExecutor(n_workers) as pool:
        seen = list(pool.map(work, range(n_workers)))
    assert seen == [((1, True), (n_threads, False))] * n_workers
    assert torch.get_num_threads() == n_threads


def test_a_python_thread_started_afterwards_gets_the_old_number_of_threads(n_threads):
    with single_threaded_math():
        pass
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == n_threads


def test_the_first_to_enter_may_be_the_first_to_leave(n_threads):
    first_left, second_inside = threading.Event(), threading.Event()

    def second():
        with single_threaded_math():
            second_inside.set()
            first_left.wait(30)
            return torch.get_num_threads()

    with ThreadPoolExecutor(1) as pool:
        with single_threaded_math():
            inside_second = pool.submit(second)
            second_inside.wait(30)
        first_left.set()
        assert inside_second.result() == 1
        assert pool.submit(torch.get_num_threads).result() == n_threads
    assert torch.get_num_threads() == n_threads


def test_threads_flush_denormals_too():
    with single_threaded_math():
        if not denormals_are_flushed():
            pytest.skip("this processor cannot flush denormal numbers")
        assert all(thread_map(denormals_are_flushed, range(4), 2))


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_results_come_in_order_and_items_are_taken_as_needed(n_threads):
    taken = []

    def items():
        for item in range(20):
            taken.append(item)
            yield item

    results = thread_map(lambda item: item * item, items(), n_threads)
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    assert len(taken) <= 3 + n_threads + 1
    assert list(results) == [item * item for item in range(3, 20)]


def test_an_error_for_one_item_is_raised_in_its_place():
    results = thread_map(lambda item: 1 / (item - 2), range(5), 2)
    assert [next(results), next(results)] == [-0.5, -1.0]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_overlapping_fits_put_the_threads_of_blas_back():
    def blas():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    with threadpool_limits(2, user_api="blas"):
        before, first, second = blas(), one_blas_thread(), one_blas_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert set(blas()) == {1}
        second.__exit__(None, None, None)
        assert blas() == before
