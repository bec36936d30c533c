"""Time of CONN for one photo of 1080x1440 on one core, ours and in the published way.

pip install scikit-image
python -m benchmarks.bench_metrics
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import cv2
import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from skimage.measure import label, regionprops

from DemoData.portrait import draw_portrait
from engine.profiling.measuring import measure_time
from utils.arguments import OneSentenceParser
from utils.errors import run_script
from utils.metrics import connectivity_error


def published_connectivity(pred: np.ndarray, true: np.ndarray) -> float:
    """CONN as evaluations of this field compute it; written from the definition."""
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


def main() -> None:
    OneSentenceParser(__doc__).parse_args()
    cv2.setNumThreads(1)
    drawn = np.ascontiguousarray(draw_portrait(np.random.default_rng(0), 1440).alpha[:, 180:1260])
    true, pred = drawn / 255, cv2.GaussianBlur(drawn, (0, 0), 3) / 255
    assert np.isclose(connectivity_error(pred, true), published_connectivity(pred, true))
    for name, way in (("ours", connectivity_error), ("published", published_connectivity)):
        timing = measure_time(partial(way, pred, true), torch.device("cpu"), seconds=2)
        print(f"{name:10}{1000 * timing.median:7.0f} ms (10th percentile {1000 * timing.low:.0f})")


if __name__ == "__main__":
    run_script(main)
