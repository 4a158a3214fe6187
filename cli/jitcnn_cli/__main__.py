"""Runs the CLI with ``python -m jitcnn_cli``."""

from jitcnn_cli.main import cli

cli(prog_name="jitcnn")
