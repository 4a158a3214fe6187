"""The lessons run with the suite; here is what running cannot show."""

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


def test_there_are_lessons():
    assert NOTEBOOKS


@each_notebook
def test_outputs_are_kept_out_of_the_repository(path):
    cells = cells_of(path)
    assert not any(cell.get("outputs") for cell in cells)
    assert all(cell.get("execution_count") is None for cell in cells)


@each_notebook
def test_a_lesson_begins_with_its_number_and_its_one_idea(path):
    first = texts_of(path)[0]
    assert first.startswith(f"# Lesson {int(path.stem[:2])} · ")
    assert "One idea: **" in first


@each_notebook
def test_a_lesson_ends_with_exercises_and_answers_that_assert(path):
    sources = ["".join(cell["source"]) for cell in cells_of(path)]
    assert any("## Exercises" in source for source in sources)
    answers = sources.index("## Answers")
    assert any("assert " in source for source in sources[answers:])


@each_notebook
def test_the_table_of_lessons_names_it(path):
    assert f"]({path.name})" in (FOLDER / "README.md").read_text(encoding="utf-8")
