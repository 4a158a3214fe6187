"""``jitcnn bench``: check that the implementations agree, then time them."""

from typing import Any

import click

from jitcnn_cli import options
from jitcnn_cli.input_shape import InputShape

PEERS = ("torch.compile", "onnxruntime", "openvino", "jax", "tensorflow")


@click.command("bench")
@click.option(
    "--impl",
    type=click.Choice(["naive", "loops", "im2col", "direct", "winograd", "fused", "auto", "all"]),
    default="all",
    show_default=True,
    help="Implementation to time; all times each of them on the layers it supports.",
)
@options.model_option("mnist-cnn")
@click.option(
    "--input-shape",
    type=InputShape(),
    help="Build a built-in --model for images of these channels, height and width, such as 3x64x64.  [default: as published]",
)
@click.option(
    "--shapes",
    type=click.Choice(["model", "zoo"]),
    default="model",
    show_default=True,
    help="zoo: layers of LeNet-5, AlexNet, VGG and ResNet at fixed batch sizes, instead of --model.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=64, show_default=True, help="Images per batch.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    help="Timed rounds; the median is reported.  [default: 15, or 5 with --against]",
)
@options.seed_option
@options.threads_option
@click.option(
    "--against",
    type=click.Choice(["c", "torch", *PEERS, "all"]),
    help="Compare in separate processes: c and torch, layer by layer (c: the same loops as --impl loops); the others, training "
    "and inference of --model; all: these, with torch and torch.compile.",
)
@click.option("--scaling", is_flag=True, help="Also time a training step on 1, 2 and 4 threads.")
@click.option("--start", is_flag=True, help="Also time the startup with and without cached kernels.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write the results as JSON to FILE, or to stdout if FILE is -.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False),
    is_flag=False,
    flag_value="bench.png",
    callback=options.picture_path,
    help="Write a roofline plot: throughput against arithmetic intensity.  [FILE if omitted: bench.png]",
)
def command(**settings: Any) -> None:
    """Benchmark the forward and backward pass of every layer and every fused block.

    The implementations must first agree on the timed batch. The largest difference is shown, relative to the largest
    value of its channel. naive is checked and timed on one image; its time is scaled to the batch size.

    \b
    Example:
      jitcnn bench --impl loops --rounds 3
      jitcnn bench --impl loops --against c --rounds 2
    """
    from jitcnn_cli.bench_screen import run

    run(**settings)
