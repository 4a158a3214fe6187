"""What goes on inside a net, as arrays: every layer's input, output and gradients."""

from .trace import Stage, trace

__all__ = ["Stage", "trace"]
