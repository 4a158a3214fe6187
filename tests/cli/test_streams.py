"""Standard streams that are full, closed, broken or in ASCII, and environments without home: no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jitcnn_cli.streams import Output, OutputError

RUN = f"{sys.executable} -m jitcnn_cli"
SHORT = "train --dataset digits --epochs 1 --limit 64 --model mnist-dense --no-baseline --output out"
SENTENCE = (
    "Error: The output could not be written: No space left on device; free disk space or choose another destination.\n"
)
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def shell(line, folder, **environment):
    """Exit code and stderr of a shell line, in which ``jitcnn`` is this program."""
    script = f'set -o pipefail; jitcnn() {{ {RUN} "$@"; }}; {line}'
    settings = {name: value for name, value in {**os.environ, **environment}.items() if value is not None}
    return subprocess.run(
        ["bash", "-c", script], check=False, capture_output=True, cwd=folder, env=settings, timeout=300
    )


@FULL
@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize(
    "command", ["summary", "summary --json", "--help", "--version", "models --json", "train --help"]
)
def test_a_full_output_is_one_sentence(command, buffered, tmp_path):
    done = shell(f"jitcnn {command} > /dev/full", tmp_path, PYTHONUNBUFFERED=buffered)
    assert (done.returncode, done.stderr.decode()) == (1, SENTENCE)


@pytest.mark.parametrize("command", ["summary", "models --json", "--help", "data list"])
def test_a_broken_pipe_ends_silently(command, tmp_path):
    done = shell(f"(sleep 0.1; jitcnn {command}) | true", tmp_path)
    assert (done.returncode, done.stderr) == (1, b"")


@FULL
@pytest.mark.parametrize(
    ("command", "code"),
    [("summary >&-", 0), ("summary 2>&-", 0), ("summary >&- 2>&- <&-", 0), ("summary 2>/dev/full", 0),
     ("nonsense >&- 2>&-", 2), ("nonsense 2>/dev/full", 2), ("nonsense >/dev/full", 2), ("summary none.npz 2>/dev/full", 1)],
)  # fmt: skip
def test_closed_and_full_streams_do_not_change_the_exit_code(command, code, tmp_path):
    done = shell(f"jitcnn {command}", tmp_path)
    assert done.returncode == code
    assert b"Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


@FULL
@pytest.mark.parametrize(
    ("redirection", "code", "reason"),
    [(">/dev/full", 1, "No space left on device"), ("| true", 1, "Broken pipe"), (">&- 2>&-", 0, "")],
)
def test_a_training_goes_on_without_its_output(redirection, code, reason, tmp_path):
    done = shell(f"jitcnn {SHORT} {redirection}", tmp_path)
    assert done.returncode == code
    assert {"history.json", "mnist-dense_model.npz", "training_curves.png"} <= set(os.listdir(tmp_path / "out"))
    last = f"Error: The output could not be written: {reason}; the run went on without it, see its files.\n"
    assert done.stderr.decode().endswith(last if reason else "")
    assert b"Traceback" not in done.stderr


ASCII = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}


@pytest.mark.parametrize("environment", [ASCII, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}])
def test_any_encoding_will_do(environment, tmp_path, model_file):
    commands = ["summary", "models", f"evaluate {model_file} --dataset digits --limit 20"]
    commands.append(f"report {model_file} --dataset digits --limit 20 --reach 0")
    for command in commands:
        done = shell(f"jitcnn {command}", tmp_path, **environment)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").stat().st_size > 10**5


@pytest.mark.parametrize(
    "backend", ["nonsense", "module://no.such_module", "module://matplotlib_inline.backend_inline", "tkagg"]
)
def test_the_backend_of_the_environment_is_not_used(backend, tmp_path, run_folder):
    done = shell(f"jitcnn plot curves {run_folder / 'history.json'}", tmp_path, MPLBACKEND=backend, DISPLAY="")
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_backend_of_the_environment_is_kept_for_the_caller(tmp_path):
    script = "import os, jitcnn.plots, matplotlib; print(matplotlib.rcParams['backend'], os.environ['MPLBACKEND'])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "MPLBACKEND": "svg"},
    )
    assert done.stdout == "svg svg\n"


@pytest.mark.parametrize(
    "style", ["text.usetex: True", "backend: nonsense", "text.parse_math: True\nfont.family: none"]
)
def test_a_style_file_in_the_folder_does_no_harm(style, tmp_path, run_folder):
    (tmp_path / "matplotlibrc").write_text(style)
    done = shell(f"jitcnn plot curves {run_folder / 'history.json'}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("has_cache", [True, False])
def test_a_user_without_home_and_without_name_can_plot(has_cache, tmp_path, run_folder):
    nobody = "unshare --user --map-user=54321"
    if subprocess.run([*nobody.split(), "true"], check=False, capture_output=True).returncode:
        pytest.skip("user namespaces are not available")
    cache = {} if has_cache else {"XDG_CACHE_HOME": None}
    done = shell(
        f"{nobody} {RUN} plot filters {run_folder / 'cnn_mnist_model.npz'}",
        tmp_path,
        HOME=None,
        TMPDIR=str(tmp_path),
        **cache,
    )
    assert done.returncode == 0, done.stderr
    home = tmp_path / "jitcnn-home-54321"
    assert home.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in tmp_path.iterdir()) == ["filters.png", home.name]


@pytest.mark.parametrize("planted", ["open", "link", "file"])
def test_a_home_of_others_is_not_used(planted, tmp_path, monkeypatch):
    from jitcnn.support.home import ensure_home

    home = tmp_path / f"jitcnn-home-{os.getuid()}"
    if planted == "open":
        home.mkdir(mode=0o777)
        home.chmod(0o777)
    elif planted == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        home.symlink_to(tmp_path / "elsewhere")
    else:
        home.touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.setattr("pwd.getpwuid", lambda _: {}["none"])
    monkeypatch.setenv("HOME", "")
    ensure_home()
    assert Path(os.environ["HOME"]).parent == tmp_path
    assert Path(os.environ["HOME"]) != home
    assert os.stat(os.environ["HOME"]).st_mode & 0o777 == 0o700


class Full:
    """A stream whose disk is full."""

    encoding = "utf-8"

    def write(self, text):
        raise OSError(28, "No space left on device")

    flush = write


def test_output_raises_each_time_or_never():
    output = Output(Full(), keeps_going=False)
    assert output.write("") == 0
    for _ in range(2):
        with pytest.raises(OutputError):
            output.write("a")
    with pytest.raises(TypeError, match="expected str, got bytes"):
        output.write(b"")
    output.keeps_going = True
    assert output.write("abc") == 3
    assert output.encoding == "utf-8"
    assert output.error.errno == 28
