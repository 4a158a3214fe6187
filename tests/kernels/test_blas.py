"""``blas``: the limit to one thread, and the pool that distributes the products."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import threadpoolctl

from jitcnn.kernels import blas, runtime


class Library:
    """A BLAS as threadpoolctl shows it."""

    check_symbols = ("openblas_get_num_threads", "some_openblas_get_num_threads64_", "some_openblas_set_num_threads64_")
    threading_layer = "pthreads"

    def __init__(self, count=4):
        self.num_threads = count
        self.dynlib = SimpleNamespace(
            some_openblas_get_num_threads64_=lambda: self.num_threads,
            some_openblas_set_num_threads64_=self.really_set,
        )

    def really_set(self, count):
        self.num_threads = count

    def set_num_threads(self, count):
        """As in threadpoolctl 3.8: without effect outside the first thread."""
        if threading.current_thread() is threading.main_thread():
            self.num_threads = count


class LibraryOfThreads(threading.local):
    """A BLAS with one limit per thread, as with OpenMP."""

    check_symbols, dynlib, threading_layer = Library.check_symbols, None, "openmp"
    num_threads = 4

    def set_num_threads(self, count):
        self.num_threads = count


@pytest.fixture(params=[Library, LibraryOfThreads])
def library(request):
    return request.param()


@pytest.fixture
def other():
    """Another Python thread, which has run before."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(int).result()
        yield thread


def test_blas_of_numpy_has_one_thread_in_any_python_thread(other):
    def counts():
        """Of numpy's BLAS: other tests of this process may have loaded scipy's or torch's too."""
        with blas.one_blas_thread():
            found = [each for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas"]
            return [each["num_threads"] for each in found if "numpy" in each["filepath"] or len(found) == 1]

    before = {each["filepath"]: each["num_threads"] for each in threadpoolctl.threadpool_info()}
    with threadpoolctl.threadpool_limits(2, "blas"):
        assert {*counts(), *other.submit(counts).result()} == {1}
    assert {each["filepath"]: each["num_threads"] for each in threadpoolctl.threadpool_info()} == before


def test_limit_holds_in_the_thread_that_is_not_the_first(library, other):
    limit = blas.OneBlasThread([library])

    def inside():
        with limit, limit:
            return library.num_threads

    assert inside() == 1
    assert other.submit(inside).result() == 1
    assert (library.num_threads, other.submit(lambda: library.num_threads).result()) == (4, 4)


def test_limit_is_kept_until_the_last_thread_has_left(library, other):
    """Otherwise the first thread to leave would give the other threads' products several threads."""
    limit = blas.OneBlasThread([library])
    entered, leave = threading.Event(), threading.Event()

    def product():
        with limit:
            entered.set()
            leave.wait(60)
            return library.num_threads

    found = other.submit(product)
    assert entered.wait(60)
    with limit:
        pass
    leave.set()
    assert found.result() == 1
    assert library.num_threads == 4


def test_limit_holds_again_after_other_code_has_raised_it():
    library = Library()
    limit = blas.OneBlasThread([library])
    with limit:
        library.really_set(3)
        with limit:
            assert library.num_threads == 1
    assert library.num_threads == 3


def test_parts_are_computed_once_and_returned_in_order():
    done = []

    def square(part):
        done.append(part)
        return part**2

    assert blas.for_each(list(range(50)), square) == [part**2 for part in range(50)]
    assert sorted(done) == list(range(50))
    assert blas.for_each([], square) == []


def test_error_in_any_part_reaches_the_caller():
    def invert(part):
        return 1 / part

    for place in range(4):
        with pytest.raises(ZeroDivisionError):
            blas.for_each([int(k != place) for k in range(4)], invert)
    assert blas.for_each([1, 2], invert) == [1, 0.5]


def test_parts_do_not_wait_for_threads_that_are_busy():
    threads = runtime.thread_count()
    if threads == 1:
        pytest.skip("needs two threads")
    free = threading.Event()
    waiting = [blas._pool(threads - 1).submit(free.wait, 60) for _ in range(threads - 1)]
    try:
        assert blas.for_each([1, 2, 3], lambda part: part) == [1, 2, 3]
    finally:
        free.set()
    assert all(each.result() for each in waiting)
