"""Downloads with several mirrors, a timeout, and atomic writes: no partial file under its final name."""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from ..errors import DataError


class ProgressBar(Protocol):
    """Progress bar interface that pooch expects.

    Examples
    --------
    >>> class Counter:  # of the images of a folder
    ...     total = 0
    ...     done = 0
    ...     def update(self, amount):
    ...         self.done += amount
    ...     def reset(self):
    ...         self.done = 0
    ...     def close(self):
    ...         print(f"{self.done} of {self.total} images")
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from jitcnn import load_dataset
    >>> for k, image in enumerate(np.random.default_rng(0).integers(0, 256, (4, 28, 28), np.uint8)):
    ...     folder = Path("noise", "ab"[k % 2])
    ...     folder.mkdir(parents=True, exist_ok=True)
    ...     Image.fromarray(image).save(folder / f"{k}.png")
    >>> data, note = load_dataset("noise", progress=Counter())
    4 of 4 images
    """

    total: float

    def update(self, amount: int, /) -> object:
        """Add ``amount`` received bytes."""

    def reset(self) -> object:
        """Restart at zero."""

    def close(self) -> object:
        """Finish: the file is complete."""


def mirrors_that_answer(urls: Sequence[str], seconds: float) -> list[str]:
    """Wait until one of ``urls`` responds; return the URLs to try, responsive ones first and failed ones removed.

    Returns an empty list if none responds within ``seconds``. All are queried in parallel on daemon threads: a DNS
    lookup cannot be interrupted, so slow ones are abandoned.
    """
    import requests

    answers: dict[str, bool] = {}
    done = threading.Semaphore(0)

    def ask(url: str) -> None:
        try:
            answers[url] = requests.head(url, timeout=seconds, allow_redirects=True).ok
        except requests.RequestException:
            answers[url] = False
        finally:
            done.release()

    for url in urls:
        threading.Thread(target=ask, args=(url,), daemon=True).start()
    deadline = monotonic() + seconds
    for _ in urls:
        if any(answers.values()) or not done.acquire(timeout=max(0, deadline - monotonic())):
            break
    if not any(answers.values()):
        return []
    return sorted((url for url in urls if answers.get(url, True)), key=lambda url: url not in answers)


def fetch_file(
    urls: Sequence[str],
    path: Path,
    check: Callable[[Path], Any],
    progress: ProgressBar | None = None,
    timeout: float = 10,
) -> None:
    """Download ``path`` from the first of ``urls`` whose file passes ``check``.

    pooch writes a temporary file in the same folder; ``check`` runs on it before it is renamed.

    Parameters
    ----------
    urls : URLs of the same file
    path : destination
    check : called with the downloaded file; raises DataError if it is wrong
    progress : object with total, update, reset and close, or None
    timeout : float, in seconds without receiving data

    Raises
    ------
    DataError
        If every URL fails, with the reason for each; or the folder cannot be written.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.ERROR)  # at INFO, pooch prints the file hash
    reasons = []

    def download(url: str, output_file: str, pooch_object: Any) -> None:
        pooch.HTTPDownloader(progressbar=progress or False, timeout=timeout)(url, output_file, pooch_object)
        check(Path(output_file))

    for url in urls:
        try:
            pooch.retrieve(url, known_hash=None, fname=path.name, path=path.parent, downloader=download)
            return
        except (requests.RequestException, DataError) as error:
            reasons.append(f"{url}: {error}")
        except OSError as error:
            raise DataError(
                f"{path} cannot be written: {error.strerror or error}; free disk space, set XDG_CACHE_HOME (on Linux), or "
                "pass --data-dir."
            ) from error
    raise DataError(f"{path.name} could not be downloaded: {'; '.join(reasons)}.")
