"""Optimizer, learning rate, averaged weights, and the module that runs the forward pass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from engine.distributed import Processes
from engine.training.muon import Muon, is_inner
from engine.training.run_state import RunState
from models.inference import resolve_precision
from models.matting import MattingModel
from utils.errors import InputError

Settings = Mapping[str, Any]  # the values of engine/training/arguments.py


def make_state(model: MattingModel, settings: Settings, device: torch.device) -> RunState:
    """The state of a run at step 0, for a model that is on its device already.

    Raises:
        InputError: if the device can't train in that precision.
    """
    optimizer = make_optimizer(dict(model.named_parameters()), settings)
    fp16 = resolve_precision(settings["precision"], device) == "fp16"
    if fp16 and device.type != "cuda":
        raise InputError("--precision fp16 trains on a GPU only; use bf16 or fp32")
    averaged = None
    if settings["ema"]:
        averaged = AveragedModel(model, multi_avg_fn=_moving_average(settings["ema"]))
    return RunState(model, optimizer, torch.amp.GradScaler(device.type, enabled=fp16), averaged)


def make_optimizer(
    parameters: Mapping[str, nn.Parameter], settings: Settings
) -> torch.optim.Optimizer:
    """Adam or Muon, by --optimizer. Weights decay; biases, norms and position tables do not."""
    muon = settings["optimizer"] == "muon"
    matrices: list[nn.Parameter] = []
    decayed: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in parameters.items():
        if parameter.ndim < 2 or "bias" in name:
            others.append(parameter)
        else:
            (matrices if muon and is_inner(parameter) else decayed).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": settings["weight_decay"]},
        {"params": others, "weight_decay": 0.0},
    ]
    if not muon:
        return torch.optim.Adam(groups, lr=settings["lr"], betas=(0.9, 0.999), fused=True)
    groups = [group | {"matrices": False} for group in groups]
    groups.append({"params": matrices, "weight_decay": settings["weight_decay"], "matrices": True})
    # Not fused: a fused optimizer is asked to step also after an overflow, and to sort it out.
    return Muon(groups, lr=settings["lr"], betas=(0.9, 0.999))


def _moving_average(decay: float) -> Any:
    """An exponential moving average that forgets faster while few steps are done."""

    @torch.no_grad()
    def average(averaged: Any, current: Any, count: Tensor) -> None:
        steps = float(count)
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + steps) / (10 + steps)))

    return average


def make_network(model: MattingModel, settings: Settings, processes: Processes) -> nn.Module:
    """What runs the forward pass: the model itself, compiled, or spread over the processes.

    There is no search for unused parameters: every image refines some regions.
    """
    on_gpu = processes.device.type == "cuda"
    if on_gpu and processes.count > 1:  # PyTorch has it on CUDA only
        nn.SyncBatchNorm.convert_sync_batchnorm(model)
    if settings["compile"]:
        # In place, so that the weights keep their names. The rest has another number of regions
        # each step and would be compiled over and over.
        model.coarse_network.compile(dynamic=False)
    if processes.count == 1:
        return model
    return DistributedDataParallel(
        model,
        device_ids=[processes.device] if on_gpu else None,
        gradient_as_bucket_view=True,
        broadcast_buffers=not on_gpu,  # there all have the same statistics already
    )


def set_training(model: MattingModel, settings: Settings) -> None:
    """Training mode, less what is frozen: batch norms' statistics, the coarse network, or the
    backbone's early stages.

    Call it before the model is spread over processes: frozen weights have no gradients to share.
    """
    model.train()
    if settings["freeze_coarse"]:
        model.coarse_network.requires_grad_(False).eval()
    if settings["freeze_early"]:
        for module in model.coarse_network.backbone.early_stages():
            module.requires_grad_(False).eval()
    if settings["freeze_bn"]:
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.eval()


def learning_rate(step: int, settings: Settings) -> float:
    """The rate of step number `step`, counted from 0; never depends on --max_steps."""
    rate, warmup = settings["lr"], settings["warmup_steps"]
    if step < warmup:
        return rate * (step + 1) / warmup
    if settings["schedule"] == "cosine":
        progress = min(1.0, (step - warmup) / (settings["schedule_steps"] - warmup))
        return rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
    return rate * settings["lr_drop"] ** sum(step >= drop for drop in settings["lr_steps"])
