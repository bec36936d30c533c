"""Train the network on P3M-10K, or fine-tune it on one's own portraits.

    python train.py --gpus 0 --model_version model --train_dir ./train_root/paper
    python train.py --train_dir ./train_root/paper --resume
    tensorboard --logdir ./train_root/paper/logger

Without --gpus it uses all the GPUs there are, a process each, else the CPU. torchrun works too.
A portrait folder for --portraits holds image/ and alpha/, paired by file name.
"""

from __future__ import annotations

from typing import Any

import torch

from data.folders import FolderDataset
from engine.distributed import Processes, gpus_to_launch, join, launch, seed_run
from engine.training.arguments import network_config, parse_arguments, to_plain
from engine.training.data import (
    check_split,
    make_batches,
    open_training_set,
    open_validation_set,
    solve_portraits,
    tell_leftovers,
)
from engine.training.loop import train
from engine.training.optimisation import make_network, make_state, set_training
from engine.training.run_state import RunFolder, RunState
from engine.training.tensorboard import Watch
from models.checkpoint import load_model
from models.config import MattingConfig
from models.inference import resolve_precision
from models.matting import MattingModel, build_model
from P3MData.data_loader import TrainingSet
from utils.errors import InputError, run_script
from utils.memory import keep_freed_memory


def main() -> int:
    settings = parse_arguments(__doc__)
    keep_freed_memory()
    dataset, validation = open_training_set(settings), open_validation_set(settings)
    if several := gpus_to_launch(settings["gpus"]):
        check_split(dataset, settings, len(several))
        return launch(several)
    with join(settings["gpus"]) as processes:
        return run(settings, processes, dataset, validation)


def run(
    settings: dict[str, Any],
    processes: Processes,
    dataset: TrainingSet,
    validation: FolderDataset | None,
) -> int:
    """Train in this process, together with its siblings; return the exit status."""
    seed_run(settings["seed"], processes.device)
    solve_portraits(settings, processes)
    portraits = len(dataset.samples)
    arguments = to_plain(settings) | {"portraits_found": portraits}
    folder = RunFolder(arguments, settings["keep_last"], settings["keep_every"])
    checkpoint = folder.newest(say=processes.is_main) if settings["resume"] else None
    model = build_model(MattingConfig(**checkpoint["config"])) if checkpoint else None
    model = model or initial_model(settings)
    if settings["crop_size"] % model.stride:
        size = settings["crop_size"]
        raise InputError(f"--crop_size {size} is no multiple of {model.stride}, as the network's")
    model.refined_share = settings["refined_share"]
    model.to(processes.device).to(memory_format=torch.channels_last)
    state = make_state(model, settings, processes.device)
    if checkpoint:
        state.restore(checkpoint)
        before = checkpoint["arguments"]["portraits_found"]
        if before != portraits and processes.is_main:
            print(f"note: there were {before} portraits, now {portraits}: their order is another")
    if state.step >= settings["max_steps"]:
        raise InputError(
            f"{settings['train_dir']} has done {state.step} steps already; to go on, give a larger"
            f" --max_steps than {settings['max_steps']}"
        )
    batches = make_batches(dataset, settings, processes, state.step)
    set_training(model, settings)
    network = make_network(model, settings, processes)
    if processes.is_main:
        describe(settings, processes, state, portraits)
        tell_leftovers(dataset, settings)
    processes.from_main(folder.begin)
    logger = folder.logger if processes.is_main else None
    with Watch(logger, state.step, settings["batch_size"], arguments) as watch:
        return train(
            state,
            network,
            batches,
            settings,
            processes=processes,
            folder=folder,
            watch=watch,
            validation=validation,
        )


def initial_model(settings: dict[str, Any]) -> MattingModel:
    """The network a new run begins with.

    Raises:
        InputError: if --init or --init_coarse holds another network than the one asked for.
    """
    config = network_config(settings)
    if settings["init"]:
        model = load_model(settings["init"])
        if model.config != config:
            raise InputError(
                f"--init {settings['init']} holds {model.config}, but the options say {config};"
                " choose its --model_version"
            )
        return model
    model = build_model(config)
    if settings["init_coarse"]:
        source = load_model(settings["init_coarse"])
        try:
            model.coarse_network.load_state_dict(source.coarse_network.state_dict())
        except RuntimeError as error:
            raise InputError(
                f"--init_coarse {settings['init_coarse']} holds the coarse network of"
                f" {source.config}, but the options say {config}; choose its --model_version"
            ) from error
        model.max_area = source.max_area
        return model
    if settings["pretrained"] or settings["pretrained_file"]:
        try:
            model.coarse_network.backbone.load_imagenet(settings["pretrained_file"])
        except InputError as error:
            raise type(error)(f"{error} (--pretrained_file FILE or --no_pretrained)") from error
    return model


def describe(
    settings: dict[str, Any], processes: Processes, state: RunState, portraits: int
) -> None:
    """Say what is about to happen, in two lines."""
    device = processes.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"
    parameters = sum(p.numel() for p in state.model.parameters()) / 1e6
    print(
        f"training {settings['model_version']} ({parameters:.2f} M parameters) on {name},"
        f" {processes.count} process(es), {resolve_precision(settings['precision'], device)}"
    )
    print(
        f"{portraits} portraits, steps {state.step} to {settings['max_steps']};"
        f" watch: tensorboard --logdir {settings['train_dir']}/logger",
        flush=True,
    )


if __name__ == "__main__":
    run_script(main)
