"""What holds for all tests, and for the examples in the docstrings, which ``pytest --doctest-modules`` runs."""

import doctest
import os
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def docstring_folder(request):
    """An example runs in a folder of its own, has ``np``, and prints four digits of an array."""
    if not isinstance(getattr(request.node, "dtest", None), doctest.DocTest):
        yield
        return
    request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))
    request.getfixturevalue("doctest_namespace")["np"] = np
    with np.printoptions(precision=4, suppress=True, linewidth=100):
        yield


def pytest_collection_modifyitems(items):
    if os.environ.get("NUMBA_DISABLE_JIT") == "1":
        for item in items:
            if item.get_closest_marker("compiled") or getattr(item, "dtest", None) is not None:
                item.add_marker(pytest.mark.skip("needs compiled kernels"))


def pytest_ignore_collect(collection_path):
    """Only the docstrings of the library are examples: modules beside the tests are not imported for theirs."""
    name, folders = collection_path.name, collection_path.relative_to(Path(__file__).parent).parts
    if folders[:1] == ("tests",) and name.endswith(".py") and not name.startswith("test_"):
        return True
    return None
