import pytest

from jitcnn_cli.console import Bar, working


@pytest.mark.compiled
def test_progress_bar_reports_compilation_only_while_compiling(monkeypatch, capsys):
    import numba

    doubled, labels = numba.njit(lambda x: 2 * x), []
    monkeypatch.setattr(Bar, "label", lambda _, label: labels.append(label))
    with working("drawing"):
        assert doubled(2) == 4
    assert labels == ["compiling kernels (first run only), 1: <lambda>", "drawing"]
    said = capsys.readouterr()
    assert said.err.startswith("compiling kernels (first run only): 1 kernel in ")
    assert said.out == ""  # stdout may be JSON

    with working("drawing"):
        assert doubled(3) == 6
    assert len(labels) == 2
    assert capsys.readouterr() == ("", "")
