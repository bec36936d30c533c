"""Time and memory of the metrics, beside CONN in the published way.

    pip install scikit-image
    OMP_NUM_THREADS=1 python benchmarks/bench_metrics.py

The published way labels each of ten thresholds with scikit-image, measures regions, and computes a
distance transform. Each way runs in a process of its own; memory is what it takes beyond its
arguments.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from utils.arguments import OneSentenceParser
from utils.errors import run_script
from utils.metrics import connectivity_error, gradient_error, measure
from utils.trimap import trimap_from_alpha

PUBLISHED = "CONN, published way"
SIZES = ((540, 720), (1080, 1440), (2160, 2880))


def published_connectivity(pred: np.ndarray, true: np.ndarray) -> float:
    """CONN as evaluations of this field compute it; written from the definition."""
    from skimage.measure import label, regionprops

    level = np.full(pred.shape, -1.0)
    for previous, threshold in pairwise(np.arange(0, 1.1, 0.1)):
        labels = label((pred >= threshold) & (true >= threshold), connectivity=1)
        regions = regionprops(labels)
        if not regions:
            continue
        largest = max(regions, key=lambda region: len(region.coords))
        omega = np.zeros(pred.shape)
        omega[largest.coords[:, 0], largest.coords[:, 1]] = 1
        level[(level == -1) & (omega == 0)] = previous
        distance_transform_edt(omega == 0)  # computed and never used, there too
    level[level == -1] = 1
    phi = [1 - d * (d >= 0.15) for d in (pred - level, true - level)]
    return float(np.abs(phi[0] - phi[1]).sum() / 1000)


def make_case(size: tuple[int, int], kind: str) -> tuple[np.ndarray, np.ndarray]:
    """A prediction and a truth, float64: a person with hair, or noise, the hardest to label."""
    rng = np.random.default_rng(0)
    if kind == "noise":
        pred, true = rng.random((2, *size))
        return pred, true
    H, W = size
    y, x = np.mgrid[0:H, 0:W]
    head = np.hypot((x - W / 2) / (0.16 * W), (y - 0.35 * H) / (0.2 * H)) < 1
    body = np.hypot((x - W / 2) / (0.38 * W), (y - 1.05 * H) / (0.5 * H)) < 1
    strands = gaussian_filter(rng.standard_normal(size), (6, 1)) > 0.1
    near = np.hypot((x - W / 2) / (0.24 * W), (y - 0.35 * H) / (0.28 * H)) < 1
    true = gaussian_filter((head | body | (strands & near)).astype(float), 1.2)
    pred = np.clip(true + 0.1 * gaussian_filter(rng.standard_normal(size), 2) * (near ^ head), 0, 1)
    return pred, np.clip(true, 0, 1)


def time_ways(case: Path, repeats: int, published: bool) -> dict[str, tuple[float, float]]:
    """Seconds (the best of `repeats`, in turns) and bytes a pixel of every way."""
    cv2.setNumThreads(1)
    with np.load(case) as arrays:
        pred, true, trimap = (arrays[key] for key in ("pred", "true", "trimap"))
    ways: dict[str, Callable[[], object]] = {
        "measure": lambda: measure(pred, true, trimap),
        "GRAD": lambda: gradient_error(pred, true),
        "CONN": lambda: connectivity_error(pred, true),
    }
    if published:
        published_connectivity(pred[:64, :64], true[:64, :64])  # imports
        ways[PUBLISHED] = lambda: published_connectivity(pred, true)
    seconds, memory = dict.fromkeys(ways, np.inf), dict.fromkeys(ways, 0.0)
    for _ in range(repeats):
        for name, way in ways.items():
            before = peak(reset=True)
            start = time.perf_counter()
            way()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
            memory[name] = max(memory[name], (peak() - before) / pred.size)
    return {name: (seconds[name], memory[name]) for name in ways}


def peak(*, reset: bool = False) -> int:
    """The most memory this process held since the last reset, in bytes (Linux)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x)
    return int(line.split()[1]) * 1024


def main() -> None:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    pred, true = make_case(SIZES[0], "person")
    assert np.isclose(connectivity_error(pred, true), published_connectivity(pred, true))
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), parser.parse_args().repeats)


def compare(folder: Path, repeats: int) -> None:
    """Print a line for every way, image and size."""
    context = multiprocessing.get_context("spawn")
    print(f"{'what':22}{'image':>8}{'size':>12}{'ms':>9}{'ns/pixel':>10}{'bytes/pixel':>13}")
    for kind, (H, W) in product(("person", "noise"), SIZES):
        pred, true = make_case((H, W), kind)
        trimap = trimap_from_alpha(np.rint(true * 255).astype(np.uint8), 30)
        np.savez(folder / "case.npz", pred=pred, true=true, trimap=trimap)
        published = kind == "person"  # noise would take minutes
        with context.Pool(1) as pool:
            found = pool.apply(time_ways, (folder / "case.npz", repeats, published))
        for name, (seconds, memory) in found.items():
            print(
                f"{name:22}{kind:>8}{f'{H}x{W}':>12}{seconds * 1e3:9.0f}"
                f"{seconds / (H * W) * 1e9:10.0f}{memory:13.0f}"
            )
        if published:
            print(f"CONN is {found[PUBLISHED][0] / found['CONN'][0]:.1f} times as fast")


if __name__ == "__main__":
    run_script(main)
