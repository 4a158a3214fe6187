"""The site builds without a warning, and needs no network: no page loads anything from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytest.importorskip("furo")
LOADED = re.compile(
    r"<(?:script|img|iframe|source)[^>]*\bsrc=\"(?:https?:)?//|<link[^>]*rel=\"(?:stylesheet|preload|icon)\"[^>]*href=\"(?:https?:)?//"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site, its lessons without outputs: ``make docs`` executes them."""
    folder = tmp_path_factory.mktemp("site")
    options = ["-W", "--keep-going", "-q", "-D", "nb_execution_mode=off", "-d", str(folder / "doctrees")]
    # In a process of its own: Sphinx replaces the signatures of the objects that it documents.
    command = [sys.executable, "-m", "sphinx", *options, "-b", "html", str(ROOT / "docs"), str(folder / "html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.mark.compiled
def test_site_builds_and_loads_nothing_from_elsewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 40
    loading = [page.name for page in pages if LOADED.search(page.read_text(encoding="utf-8"))]
    assert not loading
    assert "Winograd" in (site / "searchindex.js").read_text(encoding="utf-8")
    formulas = (site / "explanation" / "winograd.html").read_text(encoding="utf-8")
    (script,) = set(re.findall(r'src="([^"]*mathjax[^"]*)"', formulas, re.IGNORECASE))
    assert (site / "explanation" / script.partition("?")[0]).resolve().is_file()
