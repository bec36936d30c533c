"""Videos: flicker (dtSSD) and error with and without --smooth.

    python -m benchmarks.bench_video --checkpoint train_root/demo/logger/0000001000.pth

The clip is a drawn portrait that sways before a drifting scene, with fresh sensor noise in every
frame. MAD is in thousandths. Smoothing must lower dtSSD and not raise MAD.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from DemoData.portrait import draw_portrait
from engine.distributed import choose_gpus, use_device
from engine.prediction.predictors import load_predictor
from utils.arguments import OneSentenceParser
from utils.errors import run_script
from utils.video.smoothing import TemporalFilter

NOISE = 2.0  # grey levels, sigma


def draw_clip(seed: int, sway: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """40 frames (512, 512, 3) uint8 RGB and their alphas (512, 512) uint8."""
    portrait = draw_portrait(np.random.default_rng(seed), 512)
    rng = np.random.default_rng(0)
    H, W = portrait.alpha.shape
    for t in range(40):
        swing = np.sin(t / 8) * sway
        move = cv2.getRotationMatrix2D((W / 2, H), 3 * swing, 1)
        move[0, 2] += 0.02 * W * swing
        drift = np.array([[1, 0, 0.01 * W * np.sin(t / 20) * sway], [0, 1, 0]])
        alpha, foreground = (
            cv2.warpAffine(layer, move, (W, H), borderMode=cv2.BORDER_REPLICATE)
            for layer in (portrait.alpha, portrait.foreground)
        )
        scene = cv2.warpAffine(portrait.background, drift, (W, H), borderMode=cv2.BORDER_REFLECT)
        a = alpha[..., None] / np.float32(255)
        image = a * foreground + (1 - a) * scene + rng.normal(0, NOISE, (H, W, 3))
        yield np.rint(image.clip(0, 255)).astype(np.uint8), alpha


def dtssd(error: np.ndarray) -> float:
    """Of (T, H, W) alpha - truth: an error that stays where it is costs nothing, flicker does.

    Erofeev, Gitman, Vatolin, Fedorov and Wang, "Perceptually Motivated Benchmark for Video
    Matting", BMVC 2015: a root over each pair of frames, and the mean of these.
    """
    return float(np.sqrt((np.diff(error, axis=0) ** 2).sum(axis=(1, 2))).mean())


def main() -> None:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--checkpoint", type=Path)
    args = parser.parse_args()
    device = use_device(choose_gpus(None), 0)
    predictor, about = load_predictor(args.checkpoint, device=device, precision="auto")
    print(about)
    for seed, sway in ((0, 0.0), (0, 0.3), (0, 1.0), (1, 0.3), (1, 1.0)):
        steady = TemporalFilter()
        errors = []
        for image, truth in draw_clip(seed, sway):
            (matte,) = predictor([image])
            alphas = np.stack([matte.alpha, steady(image, matte.alpha)])
            errors.append(alphas - truth / np.float32(255))
        for name, error in zip(("raw", "smooth"), np.stack(errors, axis=1), strict=True):
            found = f"dtSSD {dtssd(error):.4g}, MAD {1000 * np.abs(error).mean():.4g}"
            print(f"portrait {seed}, sway {sway}, {name}: {found}")


if __name__ == "__main__":
    run_script(main)
