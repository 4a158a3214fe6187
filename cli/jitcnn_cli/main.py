"""The ``jitcnn`` command group; turns every JitCNNError into a one-line message."""

import importlib
import os
from typing import Any

import click

from jitcnn.errors import JitCNNError
from jitcnn.support.interrupts import sigterm_as_ctrl_c
from jitcnn.support.text import printable
from jitcnn_cli.streams import standard_streams

COMMANDS = {
    "train": "Train a model.",
    "evaluate": "Evaluate a saved model on test images.",
    "predict": "Classify image files.",
    "play": "Explore a model interactively in the browser.",
    "report": "Write an HTML report on a model.",
    "summary": "Show the layers of a model.",
    "export": "Write a model for other programs, as ONNX.",
    "plot": "Plot filters, feature maps, saliency, training curves and more.",
    "models": "List the built-in models.",
    "import": "Import a network from an ONNX file.",
    "bench": "Benchmark the implementations layer by layer.",
    "shift": "Measure accuracy on shifted images.",
    "race": "Measure the training time to a target accuracy.",
    "check": "Verify this installation.",
    "warmup": "Compile the kernels ahead of time.",
    "data": "List and download data sets.",
}


INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class LazyGroup(click.Group):
    """Imports a command only when it is used, to keep --help fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = "import_model" if cmd_name == "import" else cmd_name  # import is a keyword
        command: click.Command = importlib.import_module(f"jitcnn_cli.commands.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, *arguments: Any, **settings: Any) -> Any:
        with standard_streams():
            return super().main(*arguments, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with sigterm_as_ctrl_c():
                return super().invoke(ctx)
        except JitCNNError as error:
            raise click.ClickException(printable(str(error), keep="\n")) from error
        except OSError as error:  # of the environment: a folder without permission, a full disk
            place = "" if error.filename is None else f" for {printable(os.fsdecode(error.filename))}"
            raise click.ClickException(
                f"The operating system reports{place}: {error.strerror or error}; check the path, its permissions and the "
                "free disk space."
            ) from error
        except KeyboardInterrupt:
            click.echo("Interrupted by Ctrl-C or SIGTERM.", err=True)
            ctx.exit(INTERRUPTED)


def _print_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        click.echo(f"jitcnn {version('jitcnn')}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Convolutional neural networks from scratch: explicit loops, compiled by Numba.

    Get started with `jitcnn train`.
    """
