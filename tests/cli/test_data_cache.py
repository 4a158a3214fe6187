"""``jitcnn data cache``: show and clear the decoded images."""

import pytest

from jitcnn.data.cache_folder import images_folder
from jitcnn_cli.main import cli


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A cache with one set of 1,500,000 bytes."""
    monkeypatch.setenv("JITCNN_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("JITCNN_CACHE_LIMIT", "30 MB")
    images_folder().mkdir(parents=True)
    (images_folder() / "a.images").write_bytes(bytes(1_500_000))
    return images_folder()


def test_cache_shows_sets_and_size(kept, runner):
    result = runner.invoke(cli, ["data", "cache"])
    assert result.output == f"1 set, 1.5 of at most 30 MB, in {kept}\n"


def test_clear_deletes_them(kept, runner):
    result = runner.invoke(cli, ["data", "cache", "--clear"])
    assert result.output == f"deleted 1 set, 1.5 MB, from {kept}\n"
    assert not list(kept.iterdir())
