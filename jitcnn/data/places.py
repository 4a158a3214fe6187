"""Where on disk data sets may lie."""

import os
from pathlib import Path

import platformdirs


def cache_folder(name: str) -> Path:
    """Where the fetched files of a data set are kept: below the user's cache folder of jitcnn."""
    return platformdirs.user_cache_path("jitcnn") / name


def places(name: str, data_dir: str | os.PathLike[str] | None = None) -> list[Path]:
    """Folders to look into for a data set: ``data_dir`` alone if given, else ``JITCNN_DATA_DIR``, the cache, the system's.

    The system's are ``/usr/share/datasets`` and its like, where Debian's packages of data sets put theirs.
    """
    if data_dir is not None:
        return [Path(data_dir)]
    named = os.environ.get("JITCNN_DATA_DIR")
    shared = platformdirs.site_data_dir("datasets", appauthor=False, multipath=True).split(os.pathsep)
    return ([Path(named)] if named else []) + [cache_folder(name)] + [Path(each) for each in shared]
