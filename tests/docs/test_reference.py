"""Every public name stands on a reference page, and its docstring has an example that runs."""

import re
from importlib import import_module
from inspect import isclass, isroutine
from pathlib import Path

import pytest

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
MODULES = (
    "jitcnn",
    "jitcnn.data",
    "jitcnn.functional",
    "jitcnn.inspection",
    "jitcnn.layers",
    "jitcnn.metrics",
    "jitcnn.models",
    "jitcnn.optim",
    "jitcnn.plots",
    "jitcnn.shift",
    "jitcnn.sklearn",
    "jitcnn.check",
    "jitcnn.training",
)
DIRECTIVE = re.compile(r"^\.\. (?:autoclass|autofunction|autodata|autoexception|py:data):: (\S+)$", re.MULTILINE)


def documented():
    """The qualified names in the directives of all reference pages, in order."""
    return [name for page in sorted(REFERENCE.glob("*.md")) for name in DIRECTIVE.findall(page.read_text("utf-8"))]


def found(qualified):
    """The object of a qualified name; AttributeError or ModuleNotFoundError if there is none."""
    module, _, name = qualified.rpartition(".")
    return getattr(import_module(module), name)


def public():
    """Every public name of every module, and its object."""
    return [
        (f"{module}.{name}", found(f"{module}.{name}")) for module in MODULES for name in import_module(module).__all__
    ]


def needs_example(thing):
    """Whether it is a function or a class. An exception needs no example of its own, a constant has no docstring."""
    return (isclass(thing) and not issubclass(thing, Exception)) or isroutine(thing)


PUBLIC = public()


def test_every_public_name_stands_on_a_reference_page():
    pages = [found(name) for name in documented()]
    constants = {name.rpartition(".")[2] for name in documented()}
    missing = []
    for name, thing in PUBLIC:
        callable_there = any(thing is each for each in pages)
        if not (callable_there if isclass(thing) or isroutine(thing) else name.rpartition(".")[2] in constants):
            missing.append(name)
    assert missing == ["jitcnn.__version__"]  # a constant: the number of the release


def test_no_name_stands_twice_in_the_reference():
    names = documented()
    assert sorted({name for name in names if names.count(name) > 1}) == []


@pytest.mark.parametrize("name", [name for name, thing in PUBLIC if needs_example(thing)])
def test_every_public_docstring_has_an_example(name):
    assert ">>> " in (found(name).__doc__ or ""), f"{name} has no example"
