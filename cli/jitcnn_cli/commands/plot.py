"""``jitcnn plot``: pictures of what goes on inside a net."""

import click

from jitcnn_cli.plotting import answers, image, kept

KINDS = (
    kept.filters, image.maps, image.receptive, image.saliency, image.occlusion, image.gradcam, answers.confusion,
    answers.mistakes, kept.curves, kept.evolution,
)  # fmt: skip


class InOrder(click.Group):
    """Lists the kinds as they stand, not by the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group("plot", cls=InOrder)
def command() -> None:
    """Draw what goes on inside a net, as PNG, PDF or SVG."""


for kind in KINDS:
    command.add_command(kind)
