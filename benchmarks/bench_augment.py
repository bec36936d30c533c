"""Augmentation: milliseconds for an 896x896 sample from a decoded 1080x1440 portrait, one core.

    python -m benchmarks.bench_augment --count 40

A drawn portrait with all its layers, in memory; time is the one thread's CPU time. Target: at most
60 ms.
"""

from __future__ import annotations

import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from data.recipe import carry_out
from data.sample import Sample
from DemoData.portrait import draw_portrait
from DemoData.scenes import draw_scene
from P3MData.data_loader import TrainingSet
from utils.arguments import OneSentenceParser
from utils.errors import run_script
from utils.images import write_image


class OnePortrait:
    """A drawn portrait of 1440x1080 (height x width), decoded."""

    def __init__(self) -> None:
        self.names = ["drawn"]
        portrait = draw_portrait(np.random.default_rng(0), 1440)
        layers = (portrait.image, portrait.alpha, portrait.foreground, portrait.background)
        image, alpha, foreground, background = (
            np.ascontiguousarray(layer[:, 180:1260]) for layer in layers
        )
        self.sample = Sample("drawn", image, alpha, None, foreground, background)

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        return self.sample


def time_samples(data: TrainingSet, count: int) -> np.ndarray:
    """(count,) milliseconds a sample, drawing included, reading of scenes excluded."""
    data.draw(0)
    times = []
    for position in range(count):
        start = time.process_time()
        recipe = data.draw(position)
        drawn = time.process_time() - start
        start = time.process_time()
        carry_out(recipe)
        seconds = time.process_time() - start + (0 if recipe.scene is not None else drawn)
        times.append(1000 * seconds)
    return np.array(times)


def main() -> None:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--count", type=int, default=40, help="samples of each kind")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    portrait = OnePortrait()
    with tempfile.TemporaryDirectory() as folder:
        scenes = Path(folder)
        write_image(scenes / "scene.png", draw_scene(np.random.default_rng(0), 1200))
        for version, share, degrade in product(("V1", "V2"), (0.0, 1.0), (False, True)):
            settings: dict[str, Any] = {"version": version, "replace": share, "degrade": degrade}
            data = TrainingSet(portrait, backgrounds=scenes, **settings)
            times = time_samples(data, args.count)
            kind = f"{version}, {'new' if share else 'own'} background" + ", degraded" * degrade
            print(
                f"{kind}: mean {times.mean():.0f} ms, median {np.median(times):.0f} ms, "
                f"largest {times.max():.0f} ms"
            )


if __name__ == "__main__":
    run_script(main)
