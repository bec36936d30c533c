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

from engine.batches import make_batches, open_training_set, open_validation_set
from engine.distributed import Processes, gpus_to_launch, join, launch
from engine.optimisation import make_network, make_state
from engine.run_state import RunFolder, RunState, write_arguments
from engine.train_arguments import network_config, parse_arguments, to_plain
from engine.training import train
from engine.watch import Watch
from models.checkpoint import load_model
from models.inference import resolve_precision
from models.matting import MattingModel, build_model
from utils.errors import InputError, run_script


def main() -> int:
    settings = parse_arguments(__doc__)
    if several := gpus_to_launch(settings["gpus"]):
        return launch(several)
    with join(settings["gpus"]) as processes:
        return run(settings, processes)


def run(settings: dict[str, Any], processes: Processes) -> int:
    """Train in this process, together with its siblings."""
    dataset = open_training_set(settings, processes)
    validation = open_validation_set(settings)
    torch.manual_seed(settings["seed"])
    # On a CPU two runs agree bit for bit; on a GPU some backward passes have no such kernels.
    torch.use_deterministic_algorithms(processes.device.type == "cpu")
    folder = RunFolder(settings["train_dir"], settings["keep_last"], settings["keep_every"])
    checkpoint = folder.newest() if settings["resume"] else None
    model = build_model(network_config(settings)) if checkpoint else initial_model(settings)
    model.to(processes.device).to(memory_format=torch.channels_last)
    state = make_state(model, settings, processes.device)
    if checkpoint:
        state.restore(checkpoint)
    if state.step >= settings["max_steps"]:
        raise InputError(
            f"{settings['train_dir']} has done {state.step} steps already; to go on, give a larger"
            f" --max_steps than {settings['max_steps']}"
        )
    batches = make_batches(dataset, settings, processes, state.step)
    network = make_network(model, settings, processes)
    arguments = to_plain(settings)
    if processes.is_main:
        describe(settings, processes, state, len(dataset.samples))
        write_arguments(settings["train_dir"], arguments)
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
            arguments=arguments,
            validation=validation,
        )


def initial_model(settings: dict[str, Any]) -> MattingModel:
    """The network a new run begins with.

    Raises:
        InputError: if --init holds another network than the one asked for.
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
    if settings["pretrained"] or settings["pretrained_file"]:
        model.coarse_network.backbone.load_imagenet(settings["pretrained_file"])
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
