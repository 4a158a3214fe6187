"""``jitcnn plot``: plots of a model and its training."""

import click

from jitcnn_cli.plotting import answers, image, kept

KINDS = (
    kept.filters, image.maps, image.receptive, image.saliency, image.occlusion, image.gradcam, answers.confusion,
    answers.mistakes, kept.curves, kept.evolution,
)  # fmt: skip


class InOrder(click.Group):
    """Lists the commands in the order of definition, not alphabetically."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group("plot", cls=InOrder)
def command() -> None:
    """Plot filters, feature maps, saliency, training curves and more as PNG, PDF or SVG."""


for kind in KINDS:
    command.add_command(kind)
