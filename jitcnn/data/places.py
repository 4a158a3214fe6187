"""Search folders for data sets on disk."""

import os
from pathlib import Path

import platformdirs


def user_cache() -> Path:
    """Folder of downloaded and decoded data: ``JITCNN_CACHE_DIR``, or else jitcnn's folder in the cache of the user."""
    named = os.environ.get("JITCNN_CACHE_DIR")
    return Path(named) if named else platformdirs.user_cache_path("jitcnn")


def cache_folder(name: str) -> Path:
    """Cache folder for the downloaded files of a data set."""
    return user_cache() / name


def places(name: str, data_dir: str | os.PathLike[str] | None = None) -> list[Path]:
    """Folders to search for a data set: only ``data_dir`` if given, else ``JITCNN_DATA_DIR``, cache, system folders.

    System folders are ``/usr/share/datasets`` and similar, where Debian data set packages install their files.
    """
    if data_dir is not None:
        return [Path(data_dir)]
    named = os.environ.get("JITCNN_DATA_DIR")
    shared = platformdirs.site_data_dir("datasets", appauthor=False, multipath=True).split(os.pathsep)
    return ([Path(named)] if named else []) + [cache_folder(name)] + [Path(each) for each in shared]
