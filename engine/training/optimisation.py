"""The network of a run, which of it is trained and how it runs; optimizer and learning rate."""

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
from engine.training.arguments import Network, Optimisation
from engine.training.muon import Muon, is_inner
from engine.training.run_state import RunState
from models.checkpoint import load_model
from models.inference import resolve_precision
from models.matting import MattingModel, build_model
from utils.errors import InputError


def initial_model(settings: Network) -> MattingModel:
    """The network a new run begins with.

    Raises:
        InputError: if --init or --init_coarse holds another network than the one asked for.
    """
    model = build_model(settings.config)
    if settings.pretrained or settings.pretrained_file:
        try:
            model.coarse_network.backbone.load_imagenet(settings.pretrained_file)
        except InputError as error:
            raise type(error)(f"{error} (--pretrained_file FILE or --no_pretrained)") from error
    path = settings.init or settings.init_coarse
    if not path:
        return model
    source = load_model(path)
    other = InputError(
        f"--init{'' if settings.init else '_coarse'} {path} holds {source.config}, but the options"
        f" say {model.config}; choose its --model_version"
    )
    if settings.init:
        if source.config != model.config:
            raise other
        return source
    try:
        model.coarse_network.load_state_dict(source.coarse_network.state_dict())
    except RuntimeError as error:
        raise other from error
    model.max_area = source.max_area
    return model


def make_network(model: MattingModel, processes: Processes, *, compile: bool) -> nn.Module:
    """What runs the forward pass: the model itself, compiled, or spread over the processes.

    There is no search for unused parameters: every image refines some regions.
    """
    on_gpu = processes.device.type == "cuda"
    if on_gpu and processes.count > 1:  # PyTorch has it on CUDA only
        nn.SyncBatchNorm.convert_sync_batchnorm(model)
    if compile:
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


def set_training(model: MattingModel, settings: Network) -> None:
    """Training mode, less what is frozen: batch norms' statistics, the coarse network, or the
    backbone's early stages.

    Call it before the model is spread over processes: frozen weights have no gradients to share.
    """
    model.train()
    if settings.freeze_coarse:
        model.coarse_network.requires_grad_(False).eval()
    if settings.freeze_early:
        for module in model.coarse_network.backbone.early_stages():
            module.requires_grad_(False).eval()
    if settings.freeze_bn:
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.eval()


def make_state(model: MattingModel, settings: Optimisation, device: torch.device) -> RunState:
    """The state of a run at step 0; moves the model to the device.

    Raises:
        InputError: if the device can't train in that precision.
    """
    fp16 = resolve_precision(settings.precision, device, training=True) == "fp16"
    if fp16 and device.type != "cuda":
        raise InputError("--precision fp16 trains on a GPU only; use bf16 or fp32")
    model.refined_share = settings.refined_share
    model.to(device).to(memory_format=torch.channels_last)
    optimizer = make_optimizer(dict(model.named_parameters()), settings)
    averaged = _moving_average(model, settings.ema) if settings.ema else None
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


def _moving_average(model: MattingModel, decay: float) -> AveragedModel:
    """An exponential moving average that forgets faster while few steps are done."""

    @torch.no_grad()
    def average(weights: Any, current: Any, _: Tensor | int) -> None:
        # Counted on the host: to read PyTorch's count, on the device, is to wait for the device.
        steps = float(averaged.n_averaged)
        torch._foreach_lerp_(weights, current, 1 - min(decay, (1 + steps) / (10 + steps)))

    averaged = AveragedModel(model, multi_avg_fn=average)
    return averaged


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
