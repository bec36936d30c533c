"""The network of a run, which of it is trained and how it runs; optimizers and learning rate."""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from engine.distributed import Processes
from engine.training.arguments import Network, Optimisation
from engine.training.run_state import RunState
from models.checkpoint import load_model
from models.inference import resolve_precision
from models.matting import MattingModel, build_model
from utils.errors import InputError

SMALLEST = 16  # inputs and outputs of a matrix for Muon; with fewer there is nothing to balance
MOMENTUM = 0.95  # of Muon's moving average
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the odd polynomial that drives singular values to 1


def initial_model(settings: Network) -> MattingModel:
    """The network a new run begins with; InputError if --init or --init_coarse holds another."""
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
    try:
        if settings.init and source.config != model.config:
            raise RuntimeError("another network")
        parts = (model, source) if settings.init else (model.coarse_network, source.coarse_network)
        parts[0].load_state_dict(parts[1].state_dict())
    except RuntimeError as error:
        raise InputError(
            f"--init{'' if settings.init else '_coarse'} {path} holds {source.config}, but the"
            f" options say {model.config}; choose its --model_version"
        ) from error
    model.max_area = source.max_area
    return model


def make_network(model: MattingModel, processes: Processes, *, compile: bool) -> nn.Module:
    """What runs the forward pass: the model itself, compiled, or spread over the processes."""
    on_gpu = processes.device.type == "cuda"
    if on_gpu and processes.count > 1:  # PyTorch has it on CUDA only
        nn.SyncBatchNorm.convert_sync_batchnorm(model)
    if compile:
        # In place, so that the weights keep their names. The rest has another number of regions
        # each step and would be compiled over and over.
        model.coarse_network.compile(dynamic=False)
    if processes.count == 1:
        return model
    return DistributedDataParallel(  # without a search for unused weights: all images refine some
        model,
        device_ids=[processes.device] if on_gpu else None,
        gradient_as_bucket_view=True,
        broadcast_buffers=not on_gpu,  # there all have the same statistics already
    )


def set_training(model: MattingModel, settings: Network) -> None:
    """Training mode, less what is frozen; before the model is spread over processes."""
    model.train()
    frozen: list[nn.Module] = [model.coarse_network] if settings.freeze_coarse else []
    frozen += model.coarse_network.backbone.early_stages() if settings.freeze_early else []
    for module in frozen:
        module.requires_grad_(False).eval()
    for module in model.modules() if settings.freeze_bn else ():
        if isinstance(module, _BatchNorm):
            module.eval()


def make_state(model: MattingModel, settings: Optimisation, device: torch.device) -> RunState:
    """The state of a run at step 0, on the device; InputError for fp16 on a CPU."""
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
    """Adam or Muon, by --optimizer. Weights decay; biases, norms and position tables do not.

    First and last layers, whose few inputs or outputs each mean something, are not Muon's.
    """
    muon, decay = settings.optimizer == "muon", settings.weight_decay
    kinds: dict[str, list[nn.Parameter]] = {"decayed": [], "others": [], "matrices": []}
    for name, parameter in parameters.items():
        decays = parameter.ndim > 1 and "bias" not in name
        inner = muon and decays and min(parameter.shape[:2]) >= SMALLEST
        kinds["matrices" if inner else "decayed" if decays else "others"].append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": kinds["decayed"], "weight_decay": decay, "matrices": False},
        {"params": kinds["others"], "weight_decay": 0.0, "matrices": False},
        {"params": kinds["matrices"], "weight_decay": decay, "matrices": True},
    ]
    if muon:  # not fused: a fused optimizer is asked to step also after an overflow
        return Muon(groups, lr=settings.lr)
    return torch.optim.Adam(groups[:2], lr=settings.lr, fused=True)


class Muon(torch.optim.Adam):
    """Muon for the groups whose `matrices` is True, Adam for the others.

    A matrix moves by its gradient's moving average with (nearly) all singular values set to 1, so
    directions that are seldom asked for are learned as fast as the common ones.

    Sources: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; for the
    step's size, as large as Adam's, Liu et al. 2025, "Muon is scalable for LLM training", equation
    4. PyTorch's own Muon takes no convolutions, and timm's decay is not L2 for the others.
    """

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
            if not state:  # Adam asks each for a count when a checkpoint is loaded; no one reads it
                state |= {"step": torch.zeros(()), "exp_avg": torch.zeros_like(parameter)}
            average = state["exp_avg"].lerp_(parameter.grad, 1 - MOMENTUM)
            direction = parameter.grad.lerp(average, MOMENTUM).flatten(1)
            alike[direction.shape].append((parameter, direction))
            parameter.grad = None  # hidden from Adam, which passes over what has no gradient
        for (rows, columns), members in alike.items():
            directions = orthogonalise(torch.stack([direction for _, direction in members]))
            rate = group["lr"] * 0.2 * max(rows, columns) ** 0.5
            for (parameter, _), direction in zip(members, directions, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(direction.view(parameter.shape), alpha=rate)


def orthogonalise(matrices: Tensor) -> Tensor:
    """Newton-Schulz, in bfloat16: singular values of (N, rows, columns) become 0.7 to 1.2."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = (x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-12)).bfloat16().contiguous()
    a, b, c = COEFFICIENTS
    for _ in range(5):
        square = x @ x.mT
        polynomial = torch.baddbmm(square, square, square, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return (x.mT if tall else x).to(matrices.dtype)


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
