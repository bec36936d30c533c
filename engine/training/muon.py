"""Muon: an optimizer whose steps change all directions of a matrix alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

SMALLEST = 16  # inputs and outputs of a matrix; with fewer there is nothing to balance
ITERATIONS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the odd polynomial that drives singular values to 1


class Muon(torch.optim.Adam):
    """Muon for matrices and convolutions inside the network, Adam for everything else.

    A matrix moves by its gradient's moving average with (nearly) all singular values set to 1, so
    directions that are seldom asked for are learned as fast as the common ones. The step is scaled
    to the usual size of Adam's, so the same rate serves both. From random weights that learns
    faster than Adam, most of all at first; figures are in checkpoints/README.md.

    Sources: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks", with
    Nesterov's momentum and the polynomial; Liu et al. 2025, "Muon is scalable for LLM training",
    equation 4, for the step's size. PyTorch's own Muon takes no convolutions;
    timm.optim.Muon does the same to matrices, but to the rest what AdamW does: its decay is not L2.

    Args:
        groups: as for Adam, each with `matrices`: True gives it to Muon. `weight_decay` shrinks
            matrices directly, and is L2 elsewhere.
        momentum: of the matrices' moving average.
    """

    def __init__(
        self, groups: Iterable[dict[str, Any]], lr: float, momentum: float = 0.95, **adam: Any
    ) -> None:
        super().__init__(groups, lr=lr, **adam)
        self.momentum = momentum

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step on the gradients there are; those of matrices are used up."""
        for group in self.param_groups:
            if group["matrices"]:
                self._step_matrices(group)
        super().step(closure)

    def _step_matrices(self, group: dict[str, Any]) -> None:
        alike: dict[torch.Size, list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            state = self.state[parameter]
            if not state:
                # Dummy Adam state: nothing here reads the count, but Adam asks every state for it
                # when a checkpoint is loaded, and would raise KeyError.
                state["step"] = torch.zeros(())
                state["exp_avg"] = torch.zeros_like(parameter)
            state["step"] += 1
            average = state["exp_avg"].lerp_(parameter.grad, 1 - self.momentum)
            direction = parameter.grad.lerp(average, self.momentum).flatten(1)
            alike[direction.shape].append((parameter, direction))
            parameter.grad = None  # hidden from Adam, which passes over what has no gradient
        for (rows, columns), members in alike.items():
            directions = orthogonalise(torch.stack([direction for _, direction in members]))
            rate = group["lr"] * 0.2 * max(rows, columns) ** 0.5
            for (parameter, _), direction in zip(members, directions, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(direction.view(parameter.shape), alpha=rate)


def is_inner(weight: Tensor) -> bool:
    """Whether Muon is for a weight of a linear layer or convolution: not in the first and last
    layers, whose few inputs or outputs each mean something of their own."""
    return min(weight.shape[:2]) >= SMALLEST


def orthogonalise(matrices: Tensor) -> Tensor:
    """Newton-Schulz: singular values become about 1 (0.7 to 1.2), singular vectors stay.

    Args:
        matrices: (N, rows, columns) of any scale.

    Returns:
        The same shape and type. It computes in bfloat16: the values need not be exact.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = (x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-12)).bfloat16().contiguous()
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        square = x @ x.mT
        polynomial = torch.baddbmm(square, square, square, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return (x.mT if tall else x).to(matrices.dtype)
