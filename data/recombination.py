"""From few people, much variety: a second person in the picture, other light, writing behind them.

For training small networks on few portraits; the paper's recipe does without. Only where a scene
takes the background's place: there the photo is composed of the layers anyway.
"""

from __future__ import annotations

import string

import cv2
import numpy as np

from data.augment import Warp

Layers = dict[str, np.ndarray]

SECOND_SHARE = 0.2  # of the samples that get a second person
SECOND_SCALE = (0.5, 1.2)  # of the second person, times the scale at which both photos are as high
SECOND_SHIFT = 0.5  # of the photo's width, to both sides
SECOND_SINK = 0.4  # of the photo's height, downwards only, so that cut-off bodies don't hover
LIGHT_SHARE = 0.4  # of the samples whose people are darker or brighter than the scene
LIGHT = (0.06, 1.4)  # factor of that; the darkest are silhouettes
TINT = 0.15  # of each colour, to both sides
WRITING_SHARE = 0.2  # of the samples before a scene with letters and plain shapes, as on posters
WRITING_HEIGHT = (0.04, 0.3)  # of the letters, as a share of the scene's height
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
    cv2.FONT_HERSHEY_COMPLEX | cv2.FONT_ITALIC,
)


def join_people(rng: np.random.Generator, first: Layers, second: Layers) -> Layers:
    """Set the second person beside, before or behind the first.

    Args:
        first, second: foreground (H, W, 3) and alpha (H, W), uint8; sizes may differ.

    Returns:
        foreground and alpha of both together, of the first one's size.
    """
    placed = _place(rng, second, first["alpha"].shape)
    front, back = (first, placed) if rng.random() < 0.5 else (placed, first)
    a = front["alpha"].astype(np.float32) / 255
    b = back["alpha"].astype(np.float32) / 255 * (1 - a)
    alpha = a + b
    share = np.divide(a, alpha, out=np.ones_like(a), where=alpha > 0)[..., None]
    foreground = share * front["foreground"] + (1 - share) * back["foreground"]
    return {
        "foreground": np.rint(foreground).astype(np.uint8),
        "alpha": np.rint(alpha * 255).astype(np.uint8),
    }


def _place(rng: np.random.Generator, layers: Layers, size: tuple[int, ...]) -> Layers:
    (H, W), (h, w) = size, layers["alpha"].shape
    scale = H / h * rng.uniform(*SECOND_SCALE)
    x = (W - scale * w) / 2 + rng.uniform(-1, 1) * SECOND_SHIFT * W
    y = max(0.0, H - scale * h) + rng.uniform(0, SECOND_SINK) * H
    mirrored = -1 if rng.random() < 0.5 else 1
    if mirrored < 0:
        x += scale * (w - 1)
    matrix = np.array([[mirrored * scale, 0, x], [0, scale, y]])
    return {
        # Beyond the photo nobody is; the colour there does not matter.
        "alpha": cv2.warpAffine(layers["alpha"], matrix, (W, H)),
        "foreground": cv2.warpAffine(
            layers["foreground"], matrix, (W, H), borderMode=cv2.BORDER_REPLICATE
        ),
    }


def stand(warp: Warp, alpha: np.ndarray, size: tuple[int, int]) -> Warp:
    """Lower a crop's people so that none who is cut off by the photo's lower border hovers.

    Args:
        warp: from the crop to a photo with the alpha (H, W) uint8.
        size: (height, width) of the crop.
    """
    feet = np.flatnonzero(alpha[-1] > 127)
    if not len(feet):
        return warp
    # Where the crop's lower border shows the photo, in the middle of what touches it.
    outward = np.linalg.inv(np.vstack([warp.matrix, [0, 0, 1]]))
    _, y, _ = outward @ (feet.mean(), len(alpha) - 1, 1)
    gap = size[0] - 1 - y
    if gap <= 0:
        return warp
    lower = np.array([[1, 0, 0], [0, 1, -gap], [0, 0, 1]])
    return Warp(warp.matrix @ lower, warp.bend)


def light_people(rng: np.random.Generator, foreground: np.ndarray) -> np.ndarray:
    """Another exposure and tint: (H, W, 3) uint8, on some samples."""
    if rng.random() >= LIGHT_SHARE:
        return foreground
    gain = np.exp(rng.uniform(*np.log(LIGHT))) * (1 + rng.uniform(-TINT, TINT, 3))
    return cv2.transform(foreground, np.diag(gain))


def write_on_scene(rng: np.random.Generator, scene: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8, on some samples with words and shapes over it; the scene itself stays."""
    if rng.random() >= WRITING_SHARE:
        return scene
    H, W = scene.shape[:2]
    scene = scene.copy()
    for _ in range(rng.integers(1, 6)):
        colour = rng.integers(0, 256, 3).tolist()
        x, y = (int(v) for v in rng.uniform(-0.1, 0.9, 2) * (W, H))
        height = float(np.exp(rng.uniform(*np.log(WRITING_HEIGHT)))) * H
        if rng.random() < 0.3:
            corner = x + int(rng.uniform(0.5, 4) * height), y + int(height)
            cv2.rectangle(scene, (x, y), corner, colour, -1)
            continue
        word = "".join(rng.choice(list(string.ascii_letters + string.digits), rng.integers(1, 11)))
        size, thickness = height / 22, max(1, round(height * rng.uniform(0.04, 0.25)))
        font = FONTS[rng.integers(len(FONTS))]
        cv2.putText(scene, word, (x, y + int(height)), font, size, colour, thickness, cv2.LINE_AA)
    return scene
