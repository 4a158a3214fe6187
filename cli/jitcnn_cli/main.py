"""The ``jitcnn`` command: its group, its version, and the one place where errors become messages."""

import importlib
import io
import sys
from typing import Any

import click

from jitcnn.errors import JitCNNError
from jitcnn.interrupts import sigterm_as_ctrl_c

COMMANDS = {
    "train": "Train a net, with every step on the screen.",
    "evaluate": "Evaluate a saved net on test images.",
    "predict": "Tell what picture files show.",
    "play": "Draw, move and look inside, in a page on this machine.",
    "report": "Write all about a net into one page to keep.",
    "summary": "Show a net layer by layer.",
    "plot": "Draw what goes on inside a net.",
    "models": "List the ready-made nets.",
    "bench": "Time the implementations against each other.",
    "shift": "Move images, and see which nets still read them.",
    "race": "Train to a target, and tell how long it took.",
    "check": "Check this installation: is every figure right?",
    "warmup": "Compile the kernels ahead.",
    "data": "List and fetch data sets.",
}


INTERRUPTED = 130  # what a shell reports for a process that Ctrl-C ended


class LazyGroup(click.Group):
    """Imports a command's file when that command is asked for, so that --help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"jitcnn_cli.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with sigterm_as_ctrl_c():
                return super().invoke(ctx)
        except JitCNNError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            click.echo("Stopped, as Ctrl-C or SIGTERM asked.", err=True)
            ctx.exit(INTERRUPTED)


def _print_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        click.echo(f"jitcnn {version('jitcnn')}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def cli() -> None:
    """A convolutional neural network from scratch: explicit loops, compiled.

    Begin with `jitcnn train`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # where "×" cannot be shown, a "?" does
