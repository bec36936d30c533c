"""Train the network on P3M-10K, or fine-tune it on one's own portraits.

    python train.py --gpus 0 --model_version model --train_dir ./train_root/paper
    python train.py --train_dir ./train_root/paper --resume
    tensorboard --logdir ./train_root/paper/logger

Without --gpus it uses all the GPUs there are, a process each, else the CPU. torchrun works too.
A portrait folder for --portraits holds image/ and alpha/, paired by file name.
"""

from contextlib import closing
from shlex import quote

import torch

from engine.distributed import Processes, gpus_to_launch, join, launch, seed_run
from engine.training.arguments import RunSettings, parse_arguments
from engine.training.data import (
    make_batches,
    open_portraits,
    open_training_set,
    open_validation_set,
    tell_leftovers,
)
from engine.training.loop import Training
from engine.training.optimisation import initial_model, make_network, make_state, set_training
from engine.training.run_state import RunFolder, RunState
from engine.training.tensorboard import Watch
from models.checkpoint import model_from_checkpoint
from models.inference import resolve_precision
from utils.errors import InputError, run_script
from utils.parallel import keep_freed_memory


def main() -> int:
    settings = parse_arguments(__doc__)
    keep_freed_memory()
    dataset, validation = open_training_set(settings), open_validation_set(settings)
    if several := gpus_to_launch(settings.run.gpus):
        return launch(several)
    with join(settings.run.gpus) as processes:
        seed_run(settings.run.seed, processes.device)
        for own in open_portraits(settings.data):
            processes.from_main(own.solve)
        folder = RunFolder(settings.plain() | {"portraits_found": len(dataset.samples)})
        state = begin(settings, processes, folder)
        batches = make_batches(dataset, settings, processes, state.step)
        set_training(state.model, settings.network)
        network = make_network(state.model, processes, compile=settings.optimisation.compile)
        if processes.is_main:
            describe(settings, processes, state, len(dataset.samples))
            tell_leftovers(dataset, settings.data)
        processes.from_main(folder.begin)
        logger = folder.logger if processes.is_main else None
        watch = Watch(logger, state.step, settings.data.batch_size, folder.arguments)
        with closing(watch):
            return Training(
                state, network, batches, settings, processes, folder, watch, validation
            ).run()


def begin(settings: RunSettings, processes: Processes, folder: RunFolder) -> RunState:
    """A new run's state, or with --resume the newest checkpoint's.

    InputError if the network can't take --crop_size, or the run is at --max_steps already.
    """
    checkpoint = folder.newest(say=processes.is_main) if settings.run.resume else None
    if checkpoint:
        model = model_from_checkpoint(checkpoint, folder.path(checkpoint["step"]))
    else:
        model = initial_model(settings.network)
    size, last = settings.data.crop_size, settings.run.max_steps
    if size % model.stride:
        raise InputError(f"--crop_size {size} is no multiple of {model.stride}, as the network's")
    state = make_state(model, settings.optimisation, processes.device)
    if checkpoint:
        state.restore(checkpoint)
        before = checkpoint["arguments"].get("portraits_found")
        now = folder.arguments["portraits_found"]
        if before not in (None, now) and processes.is_main:
            print(f"note: there were {before} portraits, now {now}: their order is another")
    if state.step >= last:
        done = f"{settings.run.train_dir} has done {state.step} steps already"
        raise InputError(f"{done}; to go on, give a larger --max_steps than {last}")
    return state


def describe(settings: RunSettings, processes: Processes, state: RunState, portraits: int) -> None:
    """Say what is about to happen, in two lines."""
    device = processes.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"
    parameters = sum(p.numel() for p in state.model.parameters()) / 1e6
    precision = resolve_precision(settings.optimisation.precision, device, training=True)
    print(
        f"training {settings.network.model_version} ({parameters:.2f} M parameters) on {name},"
        f" {processes.count} process(es), {precision}\n{portraits} portraits, steps {state.step} to"
        f" {settings.run.max_steps}; watch: tensorboard --logdir"
        f" {quote(str(settings.run.train_dir / 'logger'))}",
        flush=True,
    )


if __name__ == "__main__":
    run_script(main)
