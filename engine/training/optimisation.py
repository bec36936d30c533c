"""Optimizer, learning rate and averaged weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from engine.training.muon import Muon, is_inner
from engine.training.run_state import RunState
from engine.training.settings import Optimisation
from models.inference import resolve_precision
from models.matting import MattingModel
from utils.errors import InputError


def make_state(model: MattingModel, settings: Optimisation, device: torch.device) -> RunState:
    """The state of a run at step 0; moves the model to the device.

    Raises:
        InputError: if the device can't train in that precision.
    """
    fp16 = resolve_precision(settings.precision, device) == "fp16"
    if fp16 and device.type != "cuda":
        raise InputError("--precision fp16 trains on a GPU only; use bf16 or fp32")
    model.refined_share = settings.refined_share
    model.to(device).to(memory_format=torch.channels_last)
    optimizer = make_optimizer(dict(model.named_parameters()), settings)
    average = _moving_average(settings.ema)
    averaged = AveragedModel(model, multi_avg_fn=average) if settings.ema else None
    return RunState(model, optimizer, torch.amp.GradScaler(device.type, enabled=fp16), averaged)


def make_optimizer(
    parameters: Mapping[str, nn.Parameter], settings: Optimisation
) -> torch.optim.Optimizer:
    """Adam or Muon, by --optimizer. Weights decay; biases, norms and position tables do not."""
    muon = settings.optimizer == "muon"
    matrices: list[nn.Parameter] = []
    decayed: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in parameters.items():
        if parameter.ndim < 2 or "bias" in name:
            others.append(parameter)
        else:
            (matrices if muon and is_inner(parameter) else decayed).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    if not muon:
        return torch.optim.Adam(groups, lr=settings.lr, betas=(0.9, 0.999), fused=True)
    groups = [group | {"matrices": False} for group in groups]
    groups.append({"params": matrices, "weight_decay": settings.weight_decay, "matrices": True})
    # Not fused: a fused optimizer is asked to step also after an overflow, and to sort it out.
    return Muon(groups, lr=settings.lr, betas=(0.9, 0.999))


def _moving_average(decay: float) -> Any:
    """An exponential moving average that forgets faster while few steps are done."""

    @torch.no_grad()
    def average(averaged: Any, current: Any, count: Tensor) -> None:
        steps = float(count)
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + steps) / (10 + steps)))

    return average


def learning_rate(step: int, settings: Optimisation) -> float:
    """The rate of step number `step`, counted from 0; never depends on --max_steps."""
    rate, warmup = settings.lr, settings.warmup_steps
    if step < warmup:
        return rate * (step + 1) / warmup
    if settings.schedule == "cosine":
        assert settings.schedule_steps is not None
        progress = min(1.0, (step - warmup) / (settings.schedule_steps - warmup))
        return rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
    return rate * settings.lr_drop ** sum(step >= drop for drop in settings.lr_steps)
