"""From folders to the batches of one process."""

import atexit
import multiprocessing
import re
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import cv2
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader

from data.folders import FolderDataset, StoredSample
from data.portraits import PortraitDataset, Split, TestPortraits
from data.training_set import Kept, TrainingSet
from engine.distributed import Processes
from engine.training.arguments import Data, RunSettings
from models.matting import REGION
from P3MData.data_loader import P3MDataset
from utils.errors import InputError, MissingError, memory_told
from utils.images import tell_passed_over
from utils.parallel import count_cores

Batch = Mapping[str, Any]  # the items of TrainingSet, stacked; names as a list

LESS = "lower --num_workers, or leave out --keep_data"
# PyTorch's words for a data process that is no more, and for a /dev/shm that is full.
_DEATH = r"DataLoader worker \(pid.*?\) (is killed by signal: [\w ]+|exited unexpectedly[a-z ]*\d*)"
_NO_SHARED_MEMORY = r"Bus error|unable to allocate shared memory|</torch_\w+>.*No space left on"


class Mixture:
    """Several data sets as one.

    Args:
        parts: data sets with foregrounds, how often each counts, how far its edges are trusted.
        keep: hold decoded samples in memory.
    """

    def __init__(self, parts: Sequence[tuple[Any, int, float]], keep: bool = False) -> None:
        self.names: list[str] = []
        self.places: list[tuple[Callable[[int], StoredSample], int, float]] = []
        for dataset, times, edge_weight in parts:
            read = Kept(dataset.stored) if keep else dataset.stored
            for i, name in enumerate(dataset.names):
                self.names += [name] * times
                self.places += [(read, i, edge_weight)] * times

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> StoredSample:
        read, i, edge_weight = self.places[index]
        return replace(read(i), edge_weight=edge_weight)


def open_training_set(settings: RunSettings) -> TrainingSet:
    """P3M-10K's training portraits and those of --portraits, once solved, over --backgrounds.

    InputError for folders that are missing, empty or incomplete.
    """
    data = settings.data
    parts: list[Any] = [] if data.no_p3m else [(P3MDataset(data.data_root, "train"), 1, 1.0)]
    given: tuple[tuple[float, ...], ...] = (data.portrait_repeat, data.edge_weight)
    each = (x * len(data.portraits) if len(x) == 1 else x for x in given)
    parts += zip(open_portraits(data), *each, strict=True)
    standard = data.data_root / "BG-20K" / "train"
    dataset = TrainingSet(
        Mixture(parts, data.keep_data),
        crop_size=data.crop_size,
        seed=settings.run.seed,
        version=data.augmentation,
        backgrounds=data.backgrounds or (standard if standard.is_dir() else None),
        replace=data.replace_share,
        empty=data.empty_share,
        recombine=data.recombine,
        degrade=data.degrade,
        scale=data.scale,
        ellipse=data.trimap_ellipse,
        keep=data.keep_data,
    )
    if data.recombine and not dataset.replace:
        raise InputError("--recombine needs scenes: --backgrounds, and --replace_share above 0")
    return dataset


def open_portraits(data: Data) -> list[PortraitDataset]:
    """The folders of --portraits, those of --split alone."""
    split = Split.read(data.split) if data.split else None
    return [PortraitDataset(folder, split) for folder in data.portraits]


def tell_leftovers(dataset: TrainingSet, data: Data) -> None:
    """Print what the folders of scenes and --portraits hold beside photos, a line for each."""
    layers = {folder / layer for folder in data.portraits for layer in ("image", "alpha")}
    for folder in sorted(layers | {scene.parent for scene in dataset.scenes}):
        tell_passed_over(folder)


def open_validation_set(settings: RunSettings) -> FolderDataset | None:
    """The folders of --val_portraits, else P3M-500-P; None with --val_every 0.

    InputError for folders that are missing, empty or incomplete.
    """
    watching = settings.watching
    if not watching.val_every:
        return None
    if watching.val_portraits:
        split = Split.read(watching.val_split) if watching.val_split else None
        return TestPortraits(watching.val_portraits, split)
    try:
        return P3MDataset(settings.data.data_root, "P3M-500-P")
    except MissingError as error:
        remedy = "or validate on --val_portraits FOLDER, or not at all, --val_every 0"
        raise MissingError(f"{error}; {remedy}") from error


def make_batches(
    dataset: TrainingSet, settings: RunSettings, processes: Processes, step: int
) -> Iterator[Batch]:
    """This process's share of the batches from step number `step` on, in --accumulate parts each.

    InputError if they can't be shared evenly.
    """
    batch_size, accumulate = settings.data.batch_size, settings.data.accumulate
    pieces = processes.count * accumulate
    if batch_size % pieces:
        raise InputError(
            f"--batch_size {batch_size} can't be split evenly over {processes.count} process(es)"
            f" times --accumulate {accumulate}; give a multiple of {pieces}"
        )
    # Every process's share, so that a batch holds the same samples however many share it.
    start, end = step * batch_size, settings.run.max_steps * batch_size
    places = range(start + processes.rank, end, processes.count)
    workers = count_workers(settings.run.num_workers, processes)
    loader = DataLoader(
        dataset,
        batch_sampler=BatchSampler(places, batch_size // pieces, drop_last=True),
        num_workers=workers,
        pin_memory=processes.device.type == "cuda",
        prefetch_factor=4 if workers else None,
        worker_init_fn=_start_worker,
    )
    batches = iter(loader)
    if workers:
        atexit.register(_end_data_processes)
    return _tell_of_errors(batches)


def _end_data_processes() -> None:
    """Kill those that a fault has left over: they ignore what Python ends them with and waits."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # PyTorch would take their deaths for an error
    for process in multiprocessing.active_children():
        process.kill()


def _tell_of_errors(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches; what data processes raise becomes one sentence again, an InputError."""
    try:
        with deaths_told(), memory_told("a sample", LESS):
            yield from batches
    except (InputError, OSError) as error:  # from another process: with its traceback as text
        last = str(error).strip().splitlines()[-1]
        raise InputError(re.sub(r"^[\w.]*Error: ", "", last)) from error


@contextmanager
def deaths_told() -> Iterator[None]:
    """Say by InputError how a data process died; PyTorch raises that anywhere in the block."""
    try:
        yield
    except RuntimeError as error:  # PyTorch has no kinds of its own for these
        # When a death shows while waiting for a batch, how it came is in the cause.
        text = f"{error.__cause__}\n{error}"
        death = re.search(_DEATH, text)
        if re.search(_NO_SHARED_MEMORY, text):
            told = "the data processes found no room in shared memory, /dev/shm; in Docker give"
            told += " more with --shm-size=8g or --ipc=host, or lower --num_workers (0 needs none)"
        elif not death:
            raise
        elif death[1] in ("is killed by signal: Killed", "exited unexpectedly"):
            told = f"a data process was killed, most likely for lack of memory; {LESS}"
        else:
            told = f"a data process {death[1]}; see why with --num_workers 0"
        raise InputError(told) from error


def count_workers(wanted: int | None, processes: Processes) -> int:
    """Data processes of this process: as told, else one a core; on a CPU one for four cores."""
    if wanted is not None:
        return wanted
    cores = max(1, count_cores() // processes.count)
    return min(16, cores) if processes.device.type != "cpu" else max(1, cores // 4)


def _start_worker(number: int) -> None:
    """A data process computes on one thread and leaves Ctrl-C and SIGTERM to the training one."""
    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def to_device(batch: Batch, device: torch.device) -> dict[str, Any]:
    """Move a batch's tensors: uint8 layers become float32 in [0, 1], the trimap stays.

    Adds `noise` (B, 1, H/8, W/8), drawn from each sample's own seed, so that which cells top up an
    image doesn't depend on how the batch is split.
    """
    H, W = batch["image"].shape[-2:]
    noise = [
        torch.rand(1, H // REGION, W // REGION, generator=torch.Generator().manual_seed(seed))
        for seed in batch["seed"].tolist()
    ]
    kept = {"name", "seed"}  # on the host
    tensors: dict[str, Tensor] = {name: x for name, x in batch.items() if name not in kept}
    tensors |= {"noise": torch.stack(noise), "edge_weight": batch["edge_weight"].float()}
    moved = {name: x.to(device, non_blocking=True) for name, x in tensors.items()}
    scaled = ("image", "foreground", "background", "alpha")
    return moved | {layer: moved[layer].float().div_(255) for layer in scaled}
