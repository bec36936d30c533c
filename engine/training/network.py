"""The network of a run: what it begins with, what of it is trained, and how it runs."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from engine.distributed import Processes
from engine.training.settings import Network
from models.checkpoint import load_model
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
