"""Videos: flicker with and without --smooth, frames a second, and memory against length.

    python -m benchmarks.bench_video --checkpoint train_root/demo/logger/0000001000.pth

The clip is a drawn portrait that sways before a drifting scene, with fresh sensor noise in every
frame. MAD is in thousandths. Smoothing must lower dtSSD and not raise MAD. Memory must not grow
from the short clip to the long one.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from DemoData.portrait import draw_portrait
from engine.distributed import choose_gpus, use_device
from engine.prediction.jobs import Job
from engine.prediction.outputs import LayerMaker, read_background
from engine.prediction.photos import Predictor
from engine.prediction.predictors import load_predictor
from engine.prediction.videos import predict_video
from utils.arguments import OneSentenceParser
from utils.errors import run_script
from utils.video.frame import PLAIN, Frame
from utils.video.smoothing import TemporalFilter

NOISE = 2.0  # grey levels, sigma


class DrawnClip:
    """A Reader (utils.video.frame) of `count` frames; `alphas` holds the truth of those read."""

    name, rate, look = "drawn", Fraction(25), PLAIN

    def __init__(self, seed: int, side: int, count: int, sway: float) -> None:
        self.portrait = draw_portrait(np.random.default_rng(seed), side)
        self.size = self.portrait.alpha.shape
        self.count, self.sway, self.alphas = count, sway, list[np.ndarray]()

    def __iter__(self) -> Iterator[Frame]:
        rng = np.random.default_rng(0)
        H, W = self.size
        for t in range(self.count):
            swing = np.sin(t / 8) * self.sway
            move = cv2.getRotationMatrix2D((W / 2, H), 3 * swing, 1)
            move[0, 2] += 0.02 * W * swing
            drift = np.array([[1, 0, 0.01 * W * np.sin(t / 20) * self.sway], [0, 1, 0]])
            alpha, foreground = (
                cv2.warpAffine(layer, move, (W, H), borderMode=cv2.BORDER_REPLICATE)
                for layer in (self.portrait.alpha, self.portrait.foreground)
            )
            scene = cv2.warpAffine(
                self.portrait.background, drift, (W, H), borderMode=cv2.BORDER_REFLECT
            )
            a = alpha[..., None] / np.float32(255)
            image = a * foreground + (1 - a) * scene + rng.normal(0, NOISE, (H, W, 3))
            self.alphas.append(alpha)
            yield Frame(np.rint(image.clip(0, 255)).astype(np.uint8), t / self.rate)


def measure_flicker(predictor: Predictor, clip: DrawnClip) -> dict[str, tuple[float, float]]:
    """dtSSD and MAD x 1000 of the raw and the smoothed alphas."""
    steady = TemporalFilter()
    preds: dict[str, list[np.ndarray]] = {"raw": [], "smooth": []}
    for frame in clip:
        (matte,) = predictor([frame.image])
        preds["raw"].append(matte.alpha)
        preds["smooth"].append(steady(frame.image, matte.alpha))
    truth = np.stack(clip.alphas) / np.float32(255)
    errors = {name: np.stack(alphas) - truth for name, alphas in preds.items()}
    return {name: (dtssd(error), 1000 * np.abs(error).mean()) for name, error in errors.items()}


def dtssd(error: np.ndarray) -> float:
    """Of (T, H, W) alpha - truth: an error that stays where it is costs nothing, flicker does.

    Erofeev, Gitman, Vatolin, Fedorov and Wang, "Perceptually Motivated Benchmark for Video
    Matting", BMVC 2015: a root over each pair of frames, and the mean of these.
    """
    return float(np.sqrt((np.diff(error, axis=0) ** 2).sum(axis=(1, 2))).mean())


def measure_memory(predictor: Predictor, side: int, count: int) -> tuple[float, float]:
    """Frames a second of alpha and composite as mp4, and the process's peak memory in MiB."""
    layers = LayerMaker(["alpha", "composite"], read_background("green"), solve=False)
    with tempfile.TemporaryDirectory() as folder:
        outputs = {kind: Path(folder, f"{kind}.mp4") for kind in layers.kinds}
        clip = DrawnClip(0, side, count, 1)
        start = time.perf_counter()
        for _ in predict_video(Job(Path("drawn"), outputs), clip, predictor, layers):
            clip.alphas.clear()
        seconds = time.perf_counter() - start
    return count / seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--side", type=int, default=512, help="of the frames, pixels")
    parser.add_argument("--count", type=int, default=40, help="frames of a clip")
    args = parser.parse_args()
    device = use_device(choose_gpus(None), 0)
    predictor, about = load_predictor(args.checkpoint, device=device, precision="auto")
    print(about)
    for seed, sway in ((0, 0.0), (0, 0.3), (0, 1.0), (1, 0.3), (1, 1.0)):
        rows = measure_flicker(predictor, DrawnClip(seed, args.side, args.count, sway))
        for name, (flicker, mad) in rows.items():
            print(f"portrait {seed}, sway {sway}, {name}: dtSSD {flicker:.4g}, MAD {mad:.4g}")
    for count in (args.count, 4 * args.count):
        rate, peak = measure_memory(predictor, args.side, count)
        print(
            f"{count} frames of {args.side}x{args.side}: {rate:.1f} frames/s, peak {peak:.0f} MiB"
        )


if __name__ == "__main__":
    run_script(main)
