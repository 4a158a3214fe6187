"""Bugs in the state of a pass, and in a compiled net."""

import threading
from typing import Any

import numpy as np

from ... import functional
from ...net import drafting
from ...net.model import CNN
from ...net.tape import Tape
from .table import Function, bug


@bug("state-on-the-layer", "state", "a layer remembers its last forward pass only", Tape, "append")
def _state_on_the_layer(right: Function) -> Function:
    def wrong(self: Tape, saved: Any) -> None:
        right(self, saved)
        step = self._steps.nodes[len(self._saved) - 1]
        pairs = zip(self._steps, self._saved, strict=False)  # the steps that have run
        self._saved = [saved if each is step else before for each, before in pairs]

    return wrong


@bug("evaluation-recorded", "state", "an evaluation replaces the recorded training pass", CNN, "_run")
def _evaluation_recorded(right: Function) -> Function:
    def wrong(self: CNN, steps: Any, x: Any, training: bool) -> Any:
        return right(self, steps, x, True)

    return wrong


@bug("thread-changes-bits", "state", "another order of sums outside the main thread", functional, "dense_relu")
def _thread_changes_bits(right: Function) -> Function:
    def wrong(*arrays: Any) -> Any:
        out = right(*arrays)
        return (
            out if threading.current_thread() is threading.main_thread() else np.nextafter(out, np.inf, dtype=out.dtype)
        )

    return wrong


@bug("folded-mean-forgotten", "net", "a compiled net without the running means", drafting, "folded")
def _folded_mean_forgotten(right: Function) -> Function:
    def wrong(conv: Any, norm: Any) -> Any:
        found = right(conv, norm)
        if norm is None:
            return found
        factor = norm.gamma / np.sqrt(norm.running_var + norm.eps)
        return found._replace(bias=(found.bias + factor * norm.running_mean).astype(found.bias.dtype))

    return wrong
