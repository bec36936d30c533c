"""Training samples: milliseconds for 896x896 from files of 1440x1080, decoding included, one core.

    python -m benchmarks.bench_augment --count 40

A drawn portrait and a scene, as files in the system's cache; time is the one thread's CPU time.
"""

import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from data.folders import KEPT, FolderDataset
from data.portraits import SOLVED, keep_raw, write_colours
from data.training_set import TrainingSet
from DemoData.portrait import draw_portrait
from DemoData.scenes import draw_scene
from engine.training.data import Mixture
from utils.arguments import OneSentenceParser, number
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


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    parser.add_argument("--count", type=number(int, 1), default=40, help="samples of each kind")
    args = parser.parse_args()
    keep_freed_memory()  # as train.py does
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as root:
        folders = draw_files(root)
        portraits = Mixture([(FolderDataset(folders), 1, 1.0)])
        for files in ("PNG", "unpacked"):
            for layer in KEPT if files == "unpacked" else ():
                keep_raw((layer, folders[layer] / "drawn.png"))
            for background, share in (("own", 0.0), ("new", 1.0)):
                data = TrainingSet(portraits, backgrounds=Path(root, "scenes"), replace=share)
                times = []
                for position in (0, *range(args.count)):  # the first fills the caches
                    start = time.process_time()
                    data[position]
                    times.append(1000 * (time.process_time() - start))
                print(f"{background} background, {files}: median {np.median(times[1:]):.0f} ms")


if __name__ == "__main__":
    run_script(main)
