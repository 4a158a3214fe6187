"""Sphinx configuration of the documentation. Build it with ``make docs``."""

import shutil
from importlib.metadata import version as installed_version
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent

project = "jitcnn"
author = "the jitcnn contributors"
version = release = installed_version("jitcnn")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx-mathjax-offline",  # mathematics without a network
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "dollarmath", "amsmath"]
myst_heading_anchors = 4

# The lessons are executed at every build, and an error in one fails the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings give type and shape
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
copybutton_exclude = ".linenos, .gp, .go"  # prompts and outputs are not copied

smartquotes = False  # --only stays --only
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_title = f"jitcnn {version}"
html_show_copyright = False
html_show_sourcelink = False


def copy_lessons() -> None:
    """Copy ``notebooks/`` to ``docs/lessons/``, where Sphinx can read it; git ignores the copy."""
    lessons = HERE / "lessons"
    shutil.rmtree(lessons, ignore_errors=True)
    lessons.mkdir()
    names = sorted((HERE.parent / "notebooks").glob("*.ipynb"))
    for name in names:
        shutil.copy(name, lessons)
    overview = (HERE.parent / "notebooks" / "README.md").read_text(encoding="utf-8")
    contents = "\n".join(["", "```{toctree}", ":hidden:", "", *(name.stem for name in names), "```", ""])
    (lessons / "index.md").write_text(overview + contents, encoding="utf-8")


copy_lessons()


def setup(app: Sphinx) -> None:
    """In the help of a command, ``*`` is a character: a glob, not emphasis."""
    app.connect("sphinx-click-process-description", lambda app, context, lines: escape(lines))
    app.connect("sphinx-click-process-options", lambda app, context, lines: escape(lines))


def escape(lines: list[str]) -> None:
    lines[:] = [line.replace("*", r"\*") for line in lines]
