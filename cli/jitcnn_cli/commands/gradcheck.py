"""``jitcnn gradcheck``: every backward pass against numeric gradients."""

import sys

import click

from jitcnn_cli import options


@click.command("gradcheck")
@options.impl_option
@click.option(
    "--epsilon",
    type=click.FloatRange(min=0, min_open=True),
    default=1e-5,
    show_default=True,
    help="How far each number is nudged.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0, min_open=True),
    default=1e-5,
    show_default=True,
    help="Largest relative difference allowed.",
)
def command(impl: str, epsilon: float, tolerance: float) -> None:
    """Compare every layer's backward pass, and a small whole net's, with central differences in float64.

    Exit code 1 if one of them is wrong.

    \b
    Example:
      jitcnn gradcheck --impl im2col
    """
    from jitcnn.gradcheck import compare_gradients, standard_checks
    from jitcnn_cli.console import compiling, stdout, table

    shown = table(f"gradients, implementation {impl}", "layer", "compared", "skipped (kinks)", "largest difference", "")
    wrong = 0
    with compiling():
        for name, layer, x in standard_checks(impl):
            report = compare_gradients(layer, x, epsilon, tolerance)
            right = report.largest <= tolerance and report.compared > 0 and not report.all_zero
            wrong += not right
            verdict = "ok" if right else f"WRONG at {report.where}"
            shown.add_row(name, str(report.compared), str(report.skipped), f"{report.largest:.1e}", verdict)
    stdout().print(shown)
    if wrong:
        click.echo(f"{wrong} of the gradients differ by more than {tolerance:g}.", err=True)
        sys.exit(1)
