"""The site builds without a warning, and needs no network: no page loads anything from elsewhere."""

import re
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
    from sphinx.cmd.build import main

    folder = tmp_path_factory.mktemp("site")
    options = ["-W", "--keep-going", "-q", "-D", "nb_execution_mode=off", "-d", str(folder / "doctrees")]
    assert main([*options, "-b", "html", str(ROOT / "docs"), str(folder / "html")]) == 0
    return folder / "html"


@pytest.mark.compiled
@pytest.mark.filterwarnings("default")
def test_site_builds_and_loads_nothing_from_elsewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 40
    loading = [page.name for page in pages if LOADED.search(page.read_text(encoding="utf-8"))]
    assert not loading
    assert "Winograd" in (site / "searchindex.js").read_text(encoding="utf-8")
    formulas = (site / "explanation" / "winograd.html").read_text(encoding="utf-8")
    (script,) = set(re.findall(r'src="([^"]*mathjax[^"]*)"', formulas, re.IGNORECASE))
    assert (site / "explanation" / script.partition("?")[0]).resolve().is_file()
