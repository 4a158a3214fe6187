"""What differs on macOS and Windows, simulated here: signals, file system, pipes, ports, order of file names."""

import errno
import io
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import SimpleNamespace

import pytest

from jitcnn.benchmark import machine
from jitcnn.data.image_files import in_order
from jitcnn.support import files
from jitcnn.support.interrupts import HeldInterrupts, sigterm_as_ctrl_c
from jitcnn_cli import streams


def open_elsewhere(times):
    """``os.replace`` on Windows, while another program has the file open."""
    calls, replace = iter(range(times)), os.replace

    def refuse(source, path):
        if next(calls, None) is not None:
            raise PermissionError(errno.EACCES, "The process cannot access the file")
        replace(source, path)

    return refuse


def test_file_that_a_virus_scanner_has_open_is_replaced_later(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PAUSES", (0, 0))
    monkeypatch.setattr(os, "replace", open_elsewhere(2))
    with files.atomic_write(tmp_path / "file") as file:
        file.write(b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_file_that_stays_open_elsewhere_is_kept(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"old")
    monkeypatch.setattr(files, "PAUSES", (0, 0))
    monkeypatch.setattr(os, "replace", open_elsewhere(9))
    with pytest.raises(PermissionError), files.atomic_write(tmp_path / "file") as file:
        file.write(b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]


@pytest.mark.parametrize("can_flush", [True, False])
def test_drive_of_a_mac_is_flushed(can_flush, tmp_path, monkeypatch):
    flushed, synchronised, fsync = [], [], os.fsync

    def fcntl(file, command):
        if not can_flush:
            raise OSError(errno.ENOTSUP, "Operation not supported")
        flushed.append(command)

    def note(file):
        synchronised.append(file)
        fsync(file)

    monkeypatch.setattr(files, "import_module", lambda _name: SimpleNamespace(fcntl=fcntl, F_FULLFSYNC=51))
    monkeypatch.setattr(os, "fsync", note)
    with files.atomic_write(tmp_path / "file") as file:
        file.write(b"new")
    assert (flushed, len(synchronised)) == (([51], 1) if can_flush else ([], 2))  # the folder in both cases


def test_folder_that_cannot_be_opened_is_no_error(tmp_path, monkeypatch):
    """Windows has no file descriptors of folders."""

    def refuse(path, *_):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with files.atomic_write(tmp_path / "file") as file:
        file.write(b"new")
        monkeypatch.setattr(os, "open", refuse)
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs a signal that nothing else uses")
def test_ctrl_break_ends_a_run_like_ctrl_c(monkeypatch):
    before = signal.getsignal(signal.SIGUSR1)
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)
    with pytest.raises(KeyboardInterrupt), sigterm_as_ctrl_c():
        os.kill(os.getpid(), signal.SIGUSR1)
    with HeldInterrupts() as held:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert held.asked
    assert signal.getsignal(signal.SIGUSR1) is before


@pytest.mark.parametrize(("number", "message"), [(errno.EINVAL, ""), (errno.ENOSPC, "Error: The output")])
def test_closed_pipe_of_windows_ends_silently(number, message, monkeypatch, capsys):
    class Pipe(io.StringIO):
        def write(self, _text):
            raise OSError(number, os.strerror(number))

        def fileno(self):
            raise io.UnsupportedOperation

    monkeypatch.setattr(streams, "CLOSED_PIPE", (errno.EPIPE, errno.EINVAL))
    monkeypatch.setattr(sys, "stdout", Pipe())
    with pytest.raises(SystemExit, match="1"), streams.standard_streams():
        print("text")
    printed = capsys.readouterr().err
    assert printed.startswith(message)
    assert bool(printed) == bool(message)


def test_port_is_not_shared_on_windows(monkeypatch):
    uvicorn_is_there = pytest.importorskip("uvicorn")
    from jitcnn.web import server

    options = []

    class Listener(socket.socket):
        def setsockopt(self, _level, option, _value):
            options.append(option)

    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", -5, raising=False)
    monkeypatch.setattr(socket, "socket", Listener)
    monkeypatch.setattr(uvicorn_is_there.Server, "run", lambda *_: None)
    server.serve(SimpleNamespace(close=lambda: None), on_ready=lambda _address: None)
    assert options == [-5]


def test_images_have_the_same_order_on_every_system():
    """The split of a folder is drawn by position; Windows compares paths without regard to case."""
    names = ["b/1.png", "B/2.png", "a/x-1.png", "a/x/1.png", "A/Z.png", "a/é.png"]
    orders = [sorted(map(kind, names), key=in_order) for kind in (PurePosixPath, PureWindowsPath)]
    assert [path.as_posix() for path in orders[1]] == [str(path) for path in orders[0]]
    assert orders[0] == sorted(map(PurePosixPath, names))
    assert orders[1] != sorted(map(PureWindowsPath, names))


def test_processor_of_a_mac_has_its_name(monkeypatch):
    monkeypatch.setattr(Path, "exists", lambda _path: False)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout="Apple M2\n"))
    assert machine.processor() == "Apple M2"

    def missing(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", missing)
    assert machine.processor() != ""
