"""Where on disk data sets may lie."""

import os
from pathlib import Path

import platformdirs


def cache_folder(name: str) -> Path:
    """Where the fetched files of a data set are kept: below the user's cache folder of jitcnn."""
    return platformdirs.user_cache_path("jitcnn") / name


def places(name: str, data_dir: str | os.PathLike[str] | None = None) -> list[Path]:
    """Folders to look into for a data set: ``data_dir`` alone if given, else ``JITCNN_DATA_DIR`` and the cache."""
    if data_dir is not None:
        return [Path(data_dir)]
    named = os.environ.get("JITCNN_DATA_DIR")
    return ([Path(named)] if named else []) + [cache_folder(name)]
