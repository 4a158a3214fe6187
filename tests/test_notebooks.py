"""Structure of the notebooks. The test suite executes them separately."""

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells_of(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def texts_of(path):
    return ["".join(cell["source"]) for cell in cells_of(path) if cell["cell_type"] == "markdown"]


def test_notebooks_exist():
    assert NOTEBOOKS


@each_notebook
def test_notebooks_contain_no_outputs(path):
    cells = cells_of(path)
    assert not any(cell.get("outputs") for cell in cells)
    assert all(cell.get("execution_count") is None for cell in cells)


@each_notebook
def test_lesson_starts_with_its_number_and_idea(path):
    first = texts_of(path)[0]
    assert first.startswith(f"# Lesson {int(path.stem[:2])} · ")
    assert "One idea: **" in first


@each_notebook
def test_lesson_ends_with_exercises_and_checked_answers(path):
    sources = ["".join(cell["source"]) for cell in cells_of(path)]
    assert any("## Exercises" in source for source in sources)
    answers = sources.index("## Answers")
    assert any("assert " in source for source in sources[answers:])


@each_notebook
def test_lesson_is_listed_in_the_readme(path):
    assert f"]({path.name})" in (FOLDER / "README.md").read_text(encoding="utf-8")
