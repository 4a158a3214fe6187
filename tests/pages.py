"""The code blocks of the documentation, and how each kind is executed.

Blocks of one page share a folder and run from top to bottom:

- ``python`` runs in one namespace per page; with a ``:caption:`` it is also written to that file.
- ``pycon`` is a doctest: the printed values are compared.
- ``toml`` must parse; with a ``:caption:`` it is written to that file, for commands below it.
- ``sh``: lines that begin with ``jitcnn`` are executed; of others, the parts that can go stale are checked.
- ``text`` is output, and not executed.
"""

import doctest
import re
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from jitcnn_cli.main import cli

ROOT = Path(__file__).parents[1]
GENERATED = {"lessons", "_build"}
PAGES = sorted(page for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")] if not GENERATED & {*page.parts})

_FENCE = re.compile(r"^(`{3,})\{?([\w-]*)\}?[ ]*([^\n]*)\n(.*?)^\1[ ]*$", re.MULTILINE | re.DOTALL)
_CAPTION = re.compile(r"^:caption: (\S+)$", re.MULTILINE)
NOT_OURS = {"git", "docker", "uvx", "pipx", "conda", "python3", "export"}  # commands that are not executed
SILENT = ("text", "", "c", "yaml", "bibtex")
DIRECTIVES = (
    "toctree",
    "include",
    "eval-rst",
    "note",
    "warning",
    "tip",
    "figure",
    "image",
    "math",
    "literalinclude",
    "list-table",
)

# Commands that would take minutes, and what runs instead. The left side must stand on a page.
SHORT = "--dataset digits --epochs 1 --limit 256"
INSTEAD = {
    "jitcnn train --dataset mnist --recipe mnist-fast": f"jitcnn train {SHORT} --recipe mnist-fast",
    "jitcnn train --dataset mnist --recipe mnist-best": f"jitcnn train {SHORT} --model mnist-vgg",
    # Nothing interrupts the run above it; tests/resume does that.
    "jitcnn train --resume output/checkpoint.npz": "jitcnn evaluate output/checkpoint.npz --dataset digits",
    # Each framework that is installed starts and compiles; tests/benchmark/test_peers.py runs them.
    "jitcnn bench --model mnist-cnn --against all --rounds 5": "jitcnn bench --model lenet5 --impl loops --batch-size 8 --rounds 1",
    "jitcnn race --dataset mnist --target 99 --seeds 3": "jitcnn race --dataset digits --target 30 --seeds 1",
}


@dataclass(frozen=True)
class Block:
    kind: str
    code: str
    caption: str | None
    line: int


def blocks_of(page: Path) -> list[Block]:
    """Blocks of code of a Markdown page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        kind, argument, body = match.group(2), match.group(3).strip(), match.group(4)
        caption = None
        if kind == "code-block":
            kind = argument
            while body.startswith((":", "\n")):
                head, _, body = body.partition("\n")
                caption = (_CAPTION.match(head) or [None, caption])[1]
        if kind not in DIRECTIVES:
            found.append(Block(kind, body, caption, text[: match.start()].count("\n") + 1))
    return found


def run_page(page: Path, folder: Path) -> None:
    """Run every block of ``page`` in ``folder``, which is the current one."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks_of(page):
        place = f"{page.relative_to(ROOT)}, line {block.line}"
        if block.caption is not None:
            (folder / block.caption).write_text(block.code, encoding="utf-8")
        if block.kind == "python":
            exec(compile("\n" * block.line + block.code, str(page), "exec"), namespace)
        elif block.kind == "pycon":
            _run_doctest(block, namespace, place)
        elif block.kind == "toml":
            tomllib.loads(block.code)
        elif block.kind == "sh":
            for line in block.code.replace("\\\n", " ").splitlines():
                _run_command(line.partition("  #")[0].strip(), place)
        else:
            assert block.kind in SILENT, f"{place}: nobody knows how to run {block.kind!r}"


def _run_doctest(block: Block, namespace: dict[str, Any], place: str) -> None:
    test = doctest.DocTestParser().get_doctest(block.code, namespace, place, place, block.line)
    assert test.examples, f"{place}: no >>> in a pycon block"
    report: list[str] = []
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    doctest.DocTestRunner(optionflags=flags).run(test, out=report.append, clear_globs=False)
    namespace.update(test.globs)
    assert not report, "".join(report)


def _run_command(line: str, place: str) -> None:
    words = shlex.split(INSTEAD.get(line, line))
    if not words or words[0].startswith("#"):
        return
    if words[0] == "jitcnn":
        result = CliRunner().invoke(cli, words[1:], catch_exceptions=False)
        assert result.exit_code == 0, f"{place}: {line}\n{result.output}"
    elif words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets, f"{place}: the Makefile has no target {words[1]!r}"
    elif any(word.endswith("pip") for word in words):
        for extra in re.findall(r"\[([\w,]+)\]", line):
            known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            assert set(extra.split(",")) <= set(known), f"{place}: pyproject.toml has no extra {extra!r}"
    elif words[0] in ("python", "bash"):
        if words[1] != "-m":
            assert (ROOT / words[1]).exists(), f"{place}: there is no file {words[1]!r}"
    else:
        assert words[0] in NOT_OURS, f"{place}: nobody knows how to run {words[0]!r}"
