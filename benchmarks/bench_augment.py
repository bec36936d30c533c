"""Training samples: milliseconds for 896x896 from files of 1440x1080, decoding included, one core.

    python -m benchmarks.bench_augment --count 40

A drawn portrait and a scene, as files in the system's cache; time is the one thread's CPU time.
Targets: at most 45 ms with a new background, and at most 35 ms for any sample with --cache.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from data.folders import KEPT, FolderDataset
from data.foregrounds import SOLVED, keep_raw, write_colours
from data.training_set import TrainingSet
from DemoData.portrait import draw_portrait
from DemoData.scenes import draw_scene
from engine.training.data import Mixture
from utils.arguments import OneSentenceParser
from utils.errors import run_script
from utils.files import AnyPath
from utils.images import write_image
from utils.parallel import keep_freed_memory


def draw_files(root: AnyPath) -> dict[str, Path]:
    """Draw a portrait of 1440x1080 (height x width) into root/LAYER/drawn.*; layer -> folder."""
    portrait = draw_portrait(np.random.default_rng(0), 1440)
    folders = {name: Path(root, name) for name in ("image", "alpha", *SOLVED)}
    for name, folder in folders.items():
        layer = np.ascontiguousarray(getattr(portrait, name)[:, 180:1260])
        if name in SOLVED:
            write_colours(folder / "drawn.png", layer)
        else:
            write_image(folder / f"drawn{'.jpg' if name == 'image' else '.png'}", layer)
    write_image(Path(root, "scenes/scene.jpg"), draw_scene(np.random.default_rng(0), 1200))
    return folders


def time_samples(data: TrainingSet, count: int) -> np.ndarray:
    """(count,) milliseconds a sample."""
    times = []
    for position in range(-1, count):
        start = time.process_time()
        data[max(position, 0)]  # once more at first, to fill the caches
        times.append(1000 * (time.process_time() - start))
    return np.array(times[1:])


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    parser.add_argument("--count", type=int, default=40, help="samples of each kind")
    args = parser.parse_args()
    keep_freed_memory()  # as train.py does
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folders = draw_files(root)
        portraits = Mixture([(FolderDataset(folders), 1, 1.0)])
        for cached in (False, True):
            for layer in KEPT if cached else ():
                keep_raw((layer, folders[layer] / "drawn.png"))
            for replace in (0.0, 1.0):
                data = TrainingSet(portraits, backgrounds=root / "scenes", replace=replace)
                times = time_samples(data, args.count)
                print(
                    f"{'new' if replace else 'own'} background, "
                    f"{'unpacked' if cached else 'PNG'}: mean {times.mean():.0f} ms, "
                    f"median {np.median(times):.0f} ms, largest {times.max():.0f} ms"
                )


if __name__ == "__main__":
    run_script(main)
