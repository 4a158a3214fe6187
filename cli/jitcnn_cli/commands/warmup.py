"""``jitcnn warmup``: compile now, so that nothing compiles later."""

import click


@click.command("warmup")
def command() -> None:
    """Compile the kernels ahead of the first training, and keep them in the user's cache folder.

    \b
    Example:
      jitcnn warmup
    """
    from jitcnn.kernels import runtime
    from jitcnn.models import mnist_cnn
    from jitcnn.training import prepare
    from jitcnn_cli.console import stdout, working

    with working("making ready"):
        for impl in ("auto", "loops"):
            prepare(mnist_cnn(impl=impl))
    stdout().print(f"kernels are ready in {runtime.cache_folder()}", soft_wrap=True)
