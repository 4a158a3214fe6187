"""Every code block of the documentation runs."""

from unittest.mock import patch

import pytest
from pages import INSTEAD, PAGES, ROOT, blocks_of, run_page

from jitcnn.layers import LAYERS


@pytest.mark.compiled
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with patch.dict(LAYERS):  # a page may register a layer
        run_page(page, tmp_path)


def test_every_replaced_command_stands_on_a_page():
    lines = {
        line.partition("  #")[0].strip()
        for page in PAGES
        for block in blocks_of(page)
        for line in block.code.splitlines()
    }
    assert set(INSTEAD) <= lines
