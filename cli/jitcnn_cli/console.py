"""Console output: tables and progress bars; plain lines if the output is not a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from jitcnn.support.text import printable

PLAIN_WIDTH = 110
LONGEST_NAME = 32  # characters of a class or net in a table


class LiteralConsole(Console):
    """A console that shows every text as it is: no markup, no emoji codes, and control characters as �."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **settings)

    def render_str(self, text: str, **settings: Any) -> Text:
        """Convert a string of a line, title or cell; rich calls this for all of them."""
        return super().render_str(printable(text, keep="\n\t"), **settings)


def stdout() -> Console:
    """Console for results; in a pipe, wide enough for unbroken tables."""
    return LiteralConsole(width=None if sys.stdout.isatty() else PLAIN_WIDTH)


def cell(name: str) -> str:
    """A name of a user for the cell or head of a table: on one line, and not so long that it displaces other columns."""
    return printable(name, LONGEST_NAME)


def headline(console: Console, bold: str, rest: str) -> None:
    """Print a line that starts in bold."""
    console.print(
        Text.assemble((printable(bold), "bold"), printable(rest, keep="\n")), soft_wrap=not console.is_terminal
    )


def machine_line() -> str:
    """Describe the hardware: threads, threading layer, processor."""
    from jitcnn.benchmark.machine import processor
    from jitcnn.kernels import runtime
    from jitcnn.kernels.simd.machine import HOST

    threads = runtime.thread_count()
    vectors = f"{8 * HOST.vector_bytes}-bit vectors"
    return f"{threads} thread{'s' * (threads > 1)} ({runtime.threading_layer()}) · {processor()}, {vectors}"


def table(title: str | None, *columns: str, left: int = 1) -> Table:
    """Create an empty table; all but the first ``left`` columns are right-aligned numbers."""
    drawn = Table(title=title, box=box.ROUNDED, title_justify="left", title_style="bold")
    for position, column in enumerate(columns):
        drawn.add_column(column, justify="left" if position < left else "right", no_wrap=True)
    return drawn


def model_table(model: Any, batch_size: int = 64) -> Table:
    """Tabulate the architecture: one row per layer, with its algorithm for this batch size."""
    from jitcnn.net.summary import HEAD, LEGEND, cells, total_cells

    # No vertical lines and two-line headers, to fit 80 columns; long labels of deep models are folded.
    drawn = Table(
        title=f"{cell(model.name)}: {model.parameter_count:,} parameters", title_justify="left", title_style="bold",
        caption=LEGEND.format(batch_size=batch_size), caption_justify="left",
        box=box.HORIZONTALS, padding=(0, 1, 0, 0), pad_edge=False, show_footer=True,
    )  # fmt: skip
    rows = model.summary_rows(batch_size)
    for position, (name, last) in enumerate(zip(HEAD, total_cells(rows), strict=True)):
        drawn.add_column(
            name.replace("-", "-\n").replace(" ", "\n"), last,
            justify="left" if position in (0, 1, len(HEAD) - 1) else "right",
            no_wrap=0 < position < len(HEAD) - 1, vertical="top",
        )  # fmt: skip
    for row in rows:
        drawn.add_row(*cells(row))
    return drawn


NOTE = TextColumn("{task.fields[note]}", markup=False)  # column of a bar


class Bar:
    """A transient progress bar on stderr; hidden if stderr is not a terminal."""

    def __init__(self, label: str, total: float | None, *columns: Any) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), *columns,
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task: TaskID = self._progress.add_task(printable(label), total=total, note="")

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, done: float, note: str = "") -> None:
        """Set the progress to ``done``."""
        self._progress.update(self._task, completed=done, note=printable(note))

    def label(self, label: str) -> None:
        """Change the label."""
        self._progress.update(self._task, description=printable(label))


def batch_bar(label: str, batches: int) -> Bar:
    """Progress bar of one epoch: batch i of n, images per second, time left."""
    return Bar(
        label,
        batches,
        TextColumn("batch {task.completed:.0f} of {task.total:.0f}"),
        NOTE,
        TimeRemainingColumn(),
    )


def epoch_bar(label: str, epochs: int) -> Bar:
    """Progress bar of a training run: epoch i of n, time left."""
    return Bar(label, epochs, TextColumn("epoch {task.completed:.0f} of {task.total:.0f}"), TimeRemainingColumn())


class DownloadBar:
    """Progress bar for downloads, one file at a time."""

    label = "downloading"
    column: ProgressColumn = DownloadColumn()

    def __init__(self) -> None:
        self._done = 0.0
        self._total = 0.0
        self._bar: Bar | None = None

    @property
    def total(self) -> float:
        """Bytes expected."""
        return self._total

    @total.setter
    def total(self, value: float) -> None:
        self._total = value
        self.close()
        self._bar = Bar(self.label, value, self.column)
        self._bar.__enter__()

    def update(self, amount: int) -> None:
        """Add ``amount`` received bytes."""
        self._done += amount
        if self._bar is not None:
            self._bar.show(self._done)

    def reset(self) -> None:
        """Reset the progress to 0."""
        self._done = 0.0

    def close(self) -> None:
        """Close the bar of the current file."""
        if self._bar is not None:
            self._bar.__exit__()
            self._bar = None


class ImageBar(DownloadBar):
    """Progress bar for the images of a folder."""

    label = "reading images"
    column: ProgressColumn = TextColumn("{task.completed:.0f} of {task.total:.0f}")


def data_bar(dataset: str) -> DownloadBar:
    """Progress bar for loading a data set by name, or from a path."""
    from jitcnn.data import DATASETS

    return ImageBar() if dataset not in DATASETS and Path(dataset).exists() else DownloadBar()


@contextmanager
def working(label: str, total: float | None = None, *columns: Any) -> Iterator[Bar]:
    """Show a bar with a label, and instead of the label the kernel being compiled (first run only)."""
    from jitcnn.kernels import runtime

    compiling = "compiling kernels (first run only)"
    with Bar(label, total, *columns) as bar:
        watch = runtime.CompileClock(
            on_kernel=lambda name, count: bar.label(f"{compiling}, {count + 1}: {name.strip('_')}"),
            on_done=lambda: bar.label(label),
        )
        with watch:
            yield bar
    if watch.kernels:  # on stderr, as stdout may be JSON
        kernels = f"{watch.kernels} kernel{'s' * (watch.kernels > 1)}"
        said = f"{compiling}: {kernels} in {watch.seconds:.1f} s, cached for later runs"
        Console(stderr=True, highlight=False).print(said, soft_wrap=True)
