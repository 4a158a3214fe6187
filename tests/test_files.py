"""Atomic file writes."""

import pytest

from jitcnn.support.files import atomic_write, remove_leftovers


def test_new_file_replaces_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with atomic_write(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_error_keeps_the_old_file_and_leaves_no_temporary_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def press_ctrl_c_half_way():
        with atomic_write(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        press_ctrl_c_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_match_a_new_file(tmp_path):
    (tmp_path / "plain").touch()
    with atomic_write(tmp_path / "atomic"):
        pass
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_only_leftovers_of_killed_processes_are_removed(tmp_path):
    names = [".file-a8k2", "file", "file-a8k2", ".file", ".other-a8k2"]
    for name in names:
        (tmp_path / name).touch()
    remove_leftovers(tmp_path / "file")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])
