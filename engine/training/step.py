"""One step of training: forward, losses, backward, optimizer; and whether it went well."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from engine.distributed import Processes, seed_step
from engine.training.arguments import RunSettings
from engine.training.data import Batch, to_device
from engine.training.optimisation import learning_rate
from engine.training.run_state import RunState
from models.inference import autocast
from models.losses import LOSSES, compute_losses
from models.matting import MattingOutput
from utils.errors import InputError


class Verdict:
    """Whether a step went well: copied to the host while the device works on the next one.

    Args:
        names: of the step's samples in this process.
        values: (2,) the loss and the norm of its gradient, on the device.
        skips: whether the optimizer sorts out gradients that are not finite by itself.
    """

    def __init__(self, step: int, names: list[str], values: Tensor, skips: bool) -> None:
        self.step, self.names, self.skips = step, names, skips
        self.values = values.to("cpu", non_blocking=True)
        self.copied = torch.cuda.Event() if values.is_cuda else None
        if self.copied:
            self.copied.record()

    def check(self, processes: Processes) -> None:
        """Wait for the step; InputError if loss or gradient is not finite in some process."""
        if self.copied:
            self.copied.synchronize()
        total, norm = self.values.tolist()
        if not processes.any(not math.isfinite(total if self.skips else total + norm)):
            return
        reports = processes.gather((total, self.names))
        guilty = [r for r in reports if not math.isfinite(r[0])] or reports
        raise InputError(
            f"step {self.step}: the loss is {guilty[0][0]:g} and it or its gradient is not finite;"
            f" the batch was {', '.join(name for report in guilty for name in report[1])}: look at"
            " these files, or lower --lr, or set --clip"
        )


@dataclass
class Step:
    """What one step did. The tensors stay on the device until somebody reads them."""

    losses: dict[str, Tensor]  # by term, and `total`; the mean over this process's samples
    gradient_norm: Tensor  # over all processes, before clipping
    rate: float  # of learning
    refined: float  # share of the cells that were refined
    batch: dict[str, Any]  # its last part
    output: MattingOutput  # for that part
    verdict: Verdict | None = None  # to be checked before anything is made of the step


def train_step(
    state: RunState,
    network: nn.Module,
    parts: Sequence[Batch],
    settings: RunSettings,
    processes: Processes,
) -> Step:
    """One step of the optimizer on this process's share of a batch, given in parts.

    It waits for the device only to learn how many cells are refined.
    """
    optimisation = settings.optimisation
    rate = learning_rate(state.step, optimisation)
    seed_step(settings.run.seed, state.step, processes.rank)
    losses: dict[str, Tensor] = {}
    for number, part in enumerate(parts, start=1):
        batch = to_device(part, processes.device)
        if isinstance(network, DistributedDataParallel):
            network.require_backward_grad_sync = number == len(parts)
        with autocast(processes.device, optimisation.precision):
            output = network(batch["image"], batch["noise"])
        terms = _weighed_losses(output, batch, dict(optimisation.loss_weights))
        state.scaler.scale(terms["total"] / len(parts)).backward()
        for name, term in terms.items():
            losses[name] = losses.get(name, 0) + term.detach() / len(parts)
    norm = _update(state, rate, optimisation.clip)
    names = [name for part in parts for name in part["name"]]
    # With fp16 an overflow of the gradient is usual: the scaler skips that step.
    values, skips = torch.stack([losses["total"], norm]), state.scaler.is_enabled()
    verdict = Verdict(state.step - 1, names, values, skips)
    B, _, h, w = output.coarse.alpha_logits[-1].shape
    return Step(losses, norm, rate, len(output.cells) / (B * h * w), batch, output, verdict)


def _update(state: RunState, rate: float, clip: float) -> Tensor:
    """Change the weights by the gradients there are; returns the gradients' norm."""
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    state.scaler.unscale_(state.optimizer)
    weights = list(state.model.parameters())
    norm = nn.utils.get_total_norm([p.grad for p in weights if p.grad is not None])
    if clip:  # else every gradient would be multiplied by 1
        nn.utils.clip_grads_with_norm_(weights, clip, norm)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    state.optimizer.zero_grad()
    if state.averaged:
        state.averaged.update_parameters(state.model)
    state.step += 1
    return norm


def _weighed_losses(
    output: MattingOutput, batch: Mapping[str, Any], weights: Mapping[str, float]
) -> dict[str, Tensor]:
    """The terms that weigh something, and `total`: the sum of all, each times its weight, or 1."""
    terms = compute_losses(output, batch, [name for name, value in weights.items() if not value])
    total = torch.stack([weights.get(name, 1.0) * x for name, x in terms.items()]).sum()
    if len(terms) < len(LOSSES):  # DistributedDataParallel waits for a gradient of every weight
        outputs = [output.alpha, *output.coarse.alpha_logits, *output.coarse.trimap_logits]
        total = total + torch.stack([(0 * x.float()).sum() for x in outputs]).sum()
    return terms | {"total": total}
