"""The checks of benchmarks/gpu.py: what each path gives and takes on one device."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import default_collate

from benchmarks.bench_train import train_on_drawn
from data.folders import StoredSample
from data.training_set import TrainingSet
from DemoData.portrait import draw_portrait
from engine.distributed import Processes
from engine.profiling.measuring import measure_peak, measure_time, synchronise
from engine.profiling.profile import portrait_maps
from engine.training.arguments import RunSettings
from engine.training.optimisation import make_state
from engine.training.step import train_step
from models import CONFIGS, MattingModel, build_model, prepare
from models.refinement import REGION
from models.regions import nearest_cells

Figures = dict[str, float | str]
CPU = torch.device("cpu")
SIZES = {"HD": (1152, 1792), "4K": (2304, 3456), "8K": (4352, 7680)}  # 8K is 4320x7680, padded


@dataclass(frozen=True)
class Bench:
    """What the checks share: the paper's network and large photos on a GPU, small ones on a CPU."""

    device: torch.device

    @property
    def on_gpu(self) -> bool:
        return self.device.type == "cuda"

    def network(self, precision: str, device: torch.device | None = None, **more: bool) -> Any:
        """For inference, with random weights, the same each time."""
        torch.manual_seed(0)
        model = build_model(CONFIGS["model" if self.on_gpu else "demo"]).eval()
        return prepare(model.to(device or self.device), precision, **more)

    def photo(self, size: str) -> Tensor:
        """(1, 3, H, W) in [0, 1], channels last."""
        H, W = SIZES[size] if self.on_gpu else (256, 384)
        image = torch.rand(1, H, W, 3, generator=torch.Generator().manual_seed(0))
        return image.to(self.device).permute(0, 3, 1, 2)

    def trimap(self, image: Tensor, unknown: float) -> Tensor:
        """(1, 3, h, w) scores that call so many percent of the cells unknown."""
        inside, band = portrait_maps((image.shape[2] // REGION, image.shape[3] // REGION), unknown)
        scores = np.stack([~inside, 2 * band, inside]).astype(np.float32)
        return torch.from_numpy(scores)[None].to(self.device)

    def time(self, name: str, run: Callable[[], Any]) -> Figures:
        """Milliseconds in the median and the 90th percentile of 2 seconds, warmed up."""
        for _ in range(4):
            run()
        timing = measure_time(run, self.device, 2 if self.on_gpu else 0)
        return {f"{name}, ms": 1000 * timing.median, f"{name}, 90 %": 1000 * timing.high}

    def train(self, *flags: str, steps: int, size: int = 384) -> dict[str, Any]:
        """The curves that train.py writes; on a CPU it is small."""
        words = ["--gpus", *(["0"] if self.on_gpu else []), "--no_pretrained", "--log_every", "1"]
        sizes = (size, steps) if self.on_gpu else (128, 4)
        return train_on_drawn([*words, *flags], *sizes)


def whole(network: MattingModel, image: Tensor, trimaps: Iterable[Tensor]) -> Tensor:
    """(1, 1, H, W): the coarse network, then the cells refined that the next trimap asks for."""
    alpha = network.coarse(image).alpha_logits[-1].sigmoid()
    return network.refine(image, alpha, next(iter(trimaps)))


def agreement(bench: Bench) -> Figures:
    """How far an alpha is from the CPU's in float32."""
    image = bench.photo("HD")
    trimap = bench.trimap(image, 7)
    truth = whole(bench.network("fp32", CPU), image.cpu(), [trimap.cpu()])
    found: Figures = {}
    for precision in ("fp32", "bf16", "fp16") if bench.on_gpu else ("fp32", "bf16"):
        difference = (whole(bench.network(precision), image, [trimap]).cpu() - truth).abs()
        found[f"{precision}, mean difference"] = difference.mean().item()
        found[f"{precision}, largest difference"] = difference.max().item()
    return found


def neighbours(bench: Bench) -> Figures:
    """Neighbours that are not the CPU's, in 20 random sets of cells."""
    random, wrong, shape = torch.Generator().manual_seed(0), 0, (2, 90, 160)
    for number in range(1, 21):
        cells = (torch.rand(shape, generator=random) < 0.01 * number).nonzero()
        found = nearest_cells(cells.to(bench.device), shape, 8).cpu()
        wrong += int((found != nearest_cells(cells, shape, 8)).sum())
    return {"differing": wrong}


def graphs(bench: Bench) -> Figures:
    """Replayed kernels against launched ones, at HD."""
    if not bench.on_gpu:
        return {"left out": "needs a GPU"}
    image = bench.photo("HD")
    trimap, found = bench.trimap(image, 7), Figures()
    for precision in ("fp32", "bf16", "fp16"):
        answers = []
        for name, on in (("launched", False), ("replayed", True)):
            run = partial(whole, bench.network(precision, cuda_graphs=on), image, [trimap])
            found |= bench.time(f"{precision}, {name}", run)
            answers.append(run())
        found[f"{precision}, difference"] = (answers[0] - answers[1]).abs().max().item()
    return found


def latency(bench: Bench) -> Figures:
    """From image to alpha on the device; some 7 % are unknown, never the same number in a row."""
    found: Figures = {}
    for size in SIZES:
        image, random = bench.photo(size), np.random.default_rng(0)
        trimaps = cycle([bench.trimap(image, random.uniform(6, 8)) for _ in range(20)])
        for precision in ("fp32", "bf16"):
            run = partial(whole, bench.network(precision), image, trimaps)
            found |= bench.time(f"{size}, {precision}", run)
            found[f"{size}, {precision}, peak GB"] = (measure_peak(run, bench.device) or 0) / 1e9
    return found


def numbers(bench: Bench) -> Figures:
    """HD photos of 200 numbers of regions, none seen before, against 200 of one number."""
    image, network = bench.photo("HD"), bench.network("bf16")
    count, found = 200 if bench.on_gpu else 3, Figures()
    for name, spread in (("one", 0), ("different", 2)):
        shares = np.linspace(7 - spread, 7 + spread, count)
        trimaps = iter([bench.trimap(image, 7), *(bench.trimap(image, x) for x in shares)])
        whole(network, image, trimaps)
        synchronise(bench.device)
        start = time.perf_counter()
        for _ in range(count):
            whole(network, image, trimaps)
        synchronise(bench.device)
        found[f"{name}, ms a photo"] = 1000 * (time.perf_counter() - start) / count
    return found


def first_steps(bench: Bench) -> Figures:
    """The losses of 4 steps in float32, and how far they are from the CPU's."""
    side = 384 if bench.on_gpu else 128
    drawn = [draw_portrait(np.random.default_rng(seed), side) for seed in range(4)]
    layers = ("image", "alpha", "foreground", "background")
    read = [{name: getattr(portrait, name) for name in layers} for portrait in drawn]
    data = TrainingSet([StoredSample("drawn", {}, read=each) for each in read], crop_size=side)
    settings = RunSettings.of({"train_dir": ".", "model_version": "demo", "precision": "fp32"})
    losses: list[list[float]] = []
    for device in (bench.device, CPU):
        torch.manual_seed(0)
        state = make_state(build_model(CONFIGS["demo"]), settings.optimisation, device)
        state.model.train()
        losses.append([])
        for start in range(0, 16, 4):
            batch = default_collate([data[i] for i in range(start, start + 4)])
            step = train_step(state, state.model, [batch], settings, Processes(0, 1, device))
            losses[-1].append(step.losses["total"].item())
    found: Figures = {f"step {step}, loss": loss for step, loss in enumerate(losses[0], 1)}
    pairs = zip(*losses, strict=True)
    return found | {"largest relative difference": max(abs(x / y - 1) for x, y in pairs)}


def half_precision(bench: Bench) -> Figures:
    """fp16: steps whose gradient overflowed, which the scaler skips; and the last loss."""
    if not bench.on_gpu:
        return {"left out": "needs a GPU"}
    found = bench.train("--precision", "fp16", steps=40)
    skipped = int((~np.isfinite(found["train/gradient_norm"])).sum())
    return {"skipped of 40": skipped, "last loss": float(found["loss/total"][-1])}


def training(bench: Bench) -> Figures:
    """The paper's step: 8 samples of 896x896, and the share of it that waits for data."""
    name = "model" if bench.on_gpu else "demo"
    found = bench.train("--model_version", name, steps=200, size=896)
    second_half = slice(len(found["loss/total"]) // 2, None)
    names = [f"speed/{name}" for name in ("step_seconds", "data_wait_share", "gpu_memory_gb")]
    return {name: float(np.median(found[name][second_half])) for name in names if name in found}


def two_gpus(bench: Bench) -> Figures:
    """The losses of 4 steps on two GPUs against one."""
    if torch.cuda.device_count() < 2:
        return {"left out": "needs two GPUs"}
    one, two = (
        bench.train("--precision", "fp32", "--gpus", *gpus, steps=4)["loss/total"]
        for gpus in ("0", "01")
    )
    return {"largest relative difference": float(abs(two / one - 1).max())}


def bias_gradient(bench: Bench) -> Figures:
    """The position bias of 25,000 regions, forward and backward: looked up, as it is, against a
    product with one-hot rows."""
    entries = torch.randint(50, (25_000 if bench.on_gpu else 250, 9, 9), device=bench.device)
    bias = torch.zeros(50, 4, device=bench.device, requires_grad=True)
    gradient = torch.rand(*entries.shape, 4, device=bench.device)
    found = bench.time("looked up", lambda: F.embedding(entries, bias).backward(gradient))
    return found | bench.time(
        "one-hot", lambda: (F.one_hot(entries, 50).float() @ bias).backward(gradient)
    )


_TRAINING = [bias_gradient, first_steps, half_precision, training, two_gpus]
_INFERENCE: list[Callable[[Bench], Figures]] = [agreement, neighbours, graphs, latency, numbers]
CHECKS = {check.__name__: torch.inference_mode()(check) for check in _INFERENCE}
CHECKS |= {check.__name__: check for check in _TRAINING}
