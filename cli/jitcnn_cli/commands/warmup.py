"""``jitcnn warmup``: compile the kernels ahead of time."""

import click


@click.command("warmup")
def command() -> None:
    """Compile the kernels ahead of time and store them in the user cache.

    \b
    Example:
      jitcnn warmup
    """
    from jitcnn.kernels import runtime
    from jitcnn.models import mnist_cnn
    from jitcnn.training import prepare
    from jitcnn_cli.console import stdout, working

    with working("preparing"):
        for impl in ("auto", "loops"):
            prepare(mnist_cnn(impl=impl))
    stdout().print(f"kernels cached in {runtime.cache_folder()}", soft_wrap=True)
