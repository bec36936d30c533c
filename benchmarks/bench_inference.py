"""Inference on a CPU against the backbone alone, per region and in bf16, in one run.

    python -m benchmarks.bench_inference --checkpoint checkpoints/portrait.pth
    python -m benchmarks.bench_inference --only ratio --rounds 15

The paper's network with random weights; the unknown cells lie along a person's outline. Rounds
alternate between what is compared, and ratios are medians over rounds. Memory: profile_model.py.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from timeit import timeit
from typing import Any

import numpy as np
import torch
from torch import Tensor

from DemoData.generate import generate
from DemoData.portrait import draw_portrait
from engine.evaluation.provenance import device_name
from engine.profiling.profile import forced_cells, portrait_maps
from models import CONFIGS, MattingModel, build_model, load_model, predict_alpha, prepare
from models.config import with_settings
from models.folding import fold_for_inference
from P3MData.data_loader import P3MDataset
from utils.arguments import OneSentenceParser, number
from utils.errors import run_script
from utils.files import AnyPath
from utils.metrics import measure
from utils.parallel import count_cores

HD, UHD, EIGHT_K = (1152, 1792), (2304, 3456), (4352, 7680)  # 8K is 4320x7680, padded


def main() -> None:
    parser = OneSentenceParser(__doc__)
    add = parser.add_argument
    add("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    add("--rounds", type=number(int, 1), default=7)
    add("--model_version", choices=CONFIGS, default="model", help="the network with random weights")
    add("--set", nargs="+", default=[], metavar="FIELD=VALUE", help="of that, as depths=(2,2,2,2)")
    add("--checkpoint", type=Path, nargs="+", default=[], help="trained ones, for photo and bf16")
    add("--num_threads", type=number(int, 1), default=count_cores())
    args = parser.parse_args()
    torch.set_num_threads(args.num_threads)
    print(device_name(torch.device("cpu")), args.num_threads, "threads, torch", torch.__version__)
    torch.manual_seed(0)
    model = build_model(with_settings(CONFIGS[args.model_version], args.set)).eval()
    with torch.inference_mode():
        for name in args.only:
            SECTIONS[name](model, args.rounds, args.checkpoint)


def compare_with_backbone(model: MattingModel, rounds: int, _: Sequence[AnyPath]) -> None:
    """Coarse network, selection, neighbours, refinement and paste against Swin-T alone."""
    network = prepare(model, "fp32")
    backbone = fold_for_inference(model).coarse_network.backbone
    for size in (HD, UHD):
        image = make_photo(size)
        runs = {
            "floor": partial(model.coarse_network.backbone.pyramid, image.contiguous()),
            "our backbone": partial(backbone, image),
            "coarse": partial(network.coarse, image),
            "all": partial(network, image),
        }
        with forced_cells(network, *maps_of(size)):
            times = alternate(runs, rounds)
        print(f"{size[0]}x{size[1]}, 7 % unknown, fp32:")
        for name, seconds in times.items():
            floor, own = (np.median(seconds / times[base]) for base in ("floor", "our backbone"))
            ratios = f"{floor:.2f} x timm's Swin-T   {own:.2f} x our backbone"
            print(f"  {name:14} {told(seconds)}   {ratios}")


def time_regions(model: MattingModel, rounds: int, _: Sequence[AnyPath]) -> None:
    """Refinement with its neighbour search, for 1,000 to 100,000 regions of an 8K photo."""
    refinement = prepare(model, "fp32").refinement_network
    assert refinement is not None
    image, shape = make_photo(EIGHT_K), (EIGHT_K[0] // 8, EIGHT_K[1] // 8)
    alpha = torch.rand(1, 1, *shape)
    runs = {}
    for count in (1_000, 3_000, 10_000, 30_000, 100_000):
        band = portrait_maps(shape, 100 * count / (shape[0] * shape[1]))[1]
        cells = torch.from_numpy(band)[None].nonzero()
        runs[str(len(cells))] = partial(refinement, image, alpha, cells)
    for name, seconds in alternate(runs, rounds).items():
        print(f"  {name:>6} regions: {1e6 * np.median(seconds) / int(name):.1f} us a region")


def time_photo(_: MattingModel, rounds: int, checkpoints: Sequence[AnyPath]) -> None:
    """From an array of 1080x1440 to its alpha, for each trained network."""
    drawn = draw_portrait(np.random.default_rng(5), 1440).image
    photo = np.ascontiguousarray(drawn[:, 180:1260])  # 1440 high, 1080 wide
    runs = {
        f"{path} {name}": partial(predict_alpha, prepare(load_model(path), name), photo)
        for path, name in product(checkpoints, ("fp32", "bf16"))
    }
    for name, seconds in alternate(runs, rounds).items():
        print(f"  {name}: {told(seconds)}")


def compare_bf16(model: MattingModel, rounds: int, checkpoints: Sequence[AnyPath]) -> None:
    """bf16 against our own float32: time at HD, and the alphas of a trained network."""
    image, maps = make_photo(HD), maps_of(HD)
    single, half = (prepare(model, precision) for precision in ("fp32", "bf16"))
    runs = {
        "fp32": partial(single, image),
        "bf16": partial(half, image),
        "fp32 coarse": partial(single.coarse, image),
        "bf16 coarse": partial(half.coarse, image),
    }
    with forced_cells(single, *maps), forced_cells(half, *maps):
        times = alternate(runs, rounds)
    for part in ("", " coarse"):
        ratio = np.median(times["fp32" + part] / times["bf16" + part])
        print(f"  bf16{part:7} {told(times['bf16' + part])}, {ratio:.2f} x as fast as fp32")
    if not checkpoints:
        return
    networks = [prepare(load_model(checkpoints[0]), precision) for precision in ("fp32", "bf16")]
    differences, scores = [], []
    with tempfile.TemporaryDirectory() as folder:
        generate(folder, num_train=0, num_test=8, size=768, seed=1, num_workers=0)
        for sample in P3MDataset(folder, "P3M-500-NP"):
            alphas = [predict_alpha(network, sample.image) for network in networks]
            differences.append(np.abs(alphas[0] - alphas[1]).mean())
            assert sample.alpha is not None and sample.trimap is not None
            found = [measure(alpha, sample.alpha, sample.trimap) for alpha in alphas]
            scores.append([list(numbers.values()) for numbers in found])
    print(f"  bf16 - fp32: mean abs difference {np.mean(differences):.2e}")
    before, after = np.mean(scores, axis=0)
    print(f"  largest change of a mean metric: {100 * np.abs(after / before - 1).max():.2f} %")


def alternate(runs: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, np.ndarray]:
    """Seconds of each run in each round; one more round before them warms up."""
    turns = [[timeit(run, number=1) for run in runs.values()] for _ in range(rounds + 1)]
    return dict(zip(runs, np.array(turns[1:]).T, strict=True))


def make_photo(size: tuple[int, int]) -> Tensor:
    """(1, 3, H, W) in [0, 1], channels last, as inference gives it to the network."""
    return torch.rand(1, *size, 3).permute(0, 3, 1, 2)


def maps_of(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """portrait_maps of a photo, 7 % unknown."""
    return portrait_maps((size[0] // 8, size[1] // 8), 7)


def told(seconds: np.ndarray) -> str:
    return f"{1000 * np.median(seconds):8.1f} ms (least {1000 * seconds.min():.1f})"


SECTIONS: dict[str, Callable[[MattingModel, int, Sequence[AnyPath]], None]] = {
    "ratio": compare_with_backbone,
    "regions": time_regions,
    "bf16": compare_bf16,
    "photo": time_photo,
}

if __name__ == "__main__":
    run_script(main)
