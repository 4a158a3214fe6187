"""A home folder for processes that have none: containers and batch systems run with user ids that no file lists."""

import os
import stat
from contextlib import suppress


def ensure_home() -> None:
    """Set HOME to a private temporary folder if neither HOME nor the password database names one.

    Without it neither the cache of compiled kernels nor matplotlib has a place. The folder is the same in later runs, and
    is used only if it belongs to this user and nobody else can write to it.
    """
    if os.name != "posix" or os.path.isabs(os.path.expanduser("~")):
        return
    import pwd  # only here: importing jitcnn stays fast
    import tempfile

    with suppress(KeyError):
        if os.path.isabs(home := pwd.getpwuid(os.getuid()).pw_dir):
            os.environ["HOME"] = home
            return
    folder = os.path.join(tempfile.gettempdir(), f"jitcnn-home-{os.getuid()}")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        status = os.lstat(folder)
        is_private = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
    except OSError:
        is_private = False
    os.environ["HOME"] = folder if is_private else tempfile.mkdtemp(prefix="jitcnn-home-")
