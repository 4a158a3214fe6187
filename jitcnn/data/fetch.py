"""Downloads: several mirrors, a deadline, and no half file under its final name."""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from ..errors import DataError


class ProgressBar(Protocol):
    """What a download tells its progress to, as pooch calls it."""

    total: float

    def update(self, amount: int, /) -> object:
        """``amount`` more bytes are here."""

    def reset(self) -> object:
        """Begin again at zero."""

    def close(self) -> object:
        """The file is whole."""


def mirrors_that_answer(urls: Sequence[str], seconds: float) -> list[str]:
    """As soon as one of ``urls`` answers, those worth trying: who answered well first, who refused not at all.

    An empty list if none answers within ``seconds``. All are asked at once, each on a daemon thread:
    looking up a name can not be interrupted, so a slow one is left behind.
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

    pooch writes to a temporary file in the same folder and renames it; ``check`` runs before that.

    Parameters
    ----------
    urls : addresses of the same file
    path : where it goes
    check : called with the downloaded file; raises DataError if it is not what it should be
    progress : object with total, update, reset and close, or None
    timeout : float, in seconds without a byte

    Raises
    ------
    DataError
        If no address gave the file, with the reason of each; or the folder can not be written.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.ERROR)  # it would print a hash for the user to note down
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
                f"{path} can not be written: {error.strerror or error}; set XDG_CACHE_HOME or name a folder with --data-dir."
            ) from error
    raise DataError(f"{path.name} could not be fetched: {'; '.join(reasons)}.")
