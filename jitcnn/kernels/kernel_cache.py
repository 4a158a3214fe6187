"""numba's cache of compiled kernels on disk; of several processes that need a kernel, one compiles it and the others wait.

The first training compiles in two processes, and tests run in four: without the wait, each compiles what another is compiling.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from numba.core import caching

from . import pools
from .compiler import is_inner, is_running

try:
    import fcntl
except ImportError:  # Windows: two processes may compile the same kernel
    fcntl = None  # type: ignore[assignment]

_FunctionCache: Any = caching.FunctionCache  # untyped
LONGEST_WAIT = 120.0  # seconds; a process that is stopped while it compiles does not stop the others for longer


class KernelCache(_FunctionCache):  # type: ignore[misc]
    """numba's cache of compiled kernels; if the folder is missing, it neither loads nor saves."""

    _claim: "_Claim | None" = None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the kernel from the cache. If it is not there, the caller compiles it, and then calls ``release``."""
        pools.insert()
        with suppress(OSError):
            found = super().load_overload(sig, target_context)
            if found is None and not is_running() and fcntl is not None:
                self._claim = _Claim(Path(self.cache_path), f"{self._impl.filename_base} {sig}")
                if self._claim.wait():
                    found = super().load_overload(sig, target_context)
            return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store a kernel."""
        if is_inner(data):
            return
        with suppress(OSError):
            super().save_overload(sig, data)

    def release(self) -> None:
        """Let other processes load the kernel or compile it."""
        if self._claim is not None:
            self._claim.release()
            self._claim = None


class _Claim:
    """A locked file: one process compiles a kernel; the lock ends with the process."""

    def __init__(self, folder: Path, kernel: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{hashlib.sha256(kernel.encode()).hexdigest()[:16]}.lock"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)

    def wait(self) -> bool:
        """Take the lock; return whether another process had it first."""
        end, waited = monotonic() + LONGEST_WAIT, False
        while monotonic() < end:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return waited
            except BlockingIOError:
                waited = True
                sleep(0.01)
        return waited

    def release(self) -> None:
        """Unlock, also for a forked child that has inherited the file, and delete the file."""
        with suppress(OSError):
            self._path.unlink()
        with suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_UN)
        os.close(self._file)
