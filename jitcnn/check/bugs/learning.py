"""Bugs in the loss, the optimisers and the backward pass of a model."""

from typing import Any

import numpy as np

from ...kernels.elementwise import losses, optim
from ...net.model import CNN
from .table import Function, bug


@bug("loss-not-averaged", "loss", "softmax cross-entropy gradient without 1/N", losses, "softmax_cross_entropy")
def _loss_not_averaged(right: Function) -> Function:
    def wrong(logits: Any, y: Any, label_smoothing: float, d_logits: Any) -> Any:
        loss = right(logits, y, label_smoothing, d_logits)
        d_logits *= len(logits)
        return loss

    return wrong


@bug("loss-smoothing-forgotten", "loss", "the gradient ignores label smoothing", losses, "softmax_cross_entropy")
def _loss_smoothing_forgotten(right: Function) -> Function:
    def wrong(logits: Any, y: Any, label_smoothing: float, d_logits: Any) -> Any:
        right(logits, y, 0.0, d_logits)
        return right(logits, y, label_smoothing, np.empty_like(d_logits))

    return wrong


@bug("momentum-sign", "optimiser", "SGD with negated momentum", optim, "momentum_step")
def _momentum_sign(right: Function) -> Function:
    def wrong(parameter: Any, gradient: Any, velocity: Any, rate: Any, momentum: Any, *others: Any) -> None:
        right(parameter, gradient, velocity, rate, -momentum, *others)

    return wrong


@bug("adam-betas-swapped", "optimiser", "Adam with β₁ and β₂ swapped", optim, "adam_step")
def _adam_betas_swapped(right: Function) -> Function:
    def wrong(*arrays: Any) -> None:
        *others, settings = arrays
        right(*others, settings._replace(first_share=settings.second_share, second_share=settings.first_share))

    return wrong


@bug("first-layer-forgotten", "net", "the backward pass skips the first layer", CNN, "backward_logits")
def _first_layer_forgotten(right: Function) -> Function:
    def wrong(self: CNN, d_logits: Any) -> None:
        right(self, d_logits)
        for layer in self.layers:
            if layer.parameters():
                for name, array in layer.parameters().items():
                    layer.set_array(name, array)  # which sets its gradient to zero
                return

    return wrong
