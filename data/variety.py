"""From few portraits, much variety: second people, other light, writing, and poor cameras.

For training small networks; the paper's recipe does without. What changes people and scenes is only
for samples whose background a scene replaces: there the photo is composed of the layers anyway.
"""

import io
import string

import cv2
import numpy as np
from PIL import Image

from data.augment import Warp
from utils.images.encode import encode_image

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
BLUR_SHARE, NOISE_SHARE, JPEG_SHARE = 0.25, 0.3, 0.4
# Grey is part of the colour matrix instead, for all layers: a grey photo of coloured layers would
# teach the composition loss wrong alphas.
GREY_SHARE = 0.1
BLUR_SIGMA = (0.5, 2.0)  # pixels, lens
BLUR_LENGTH = (3, 11)  # pixels, motion
NOISE_SIGMA = (1.0, 12.0)  # levels of 255
NOISE_GRAIN = (1, 2, 3)  # pixels across a grain; noise reduction makes it coarse
JPEG_QUALITY = (25, 90)


def join_people(rng: np.random.Generator, first: Layers, second: Layers) -> Layers:
    """Set the second person beside, before or behind the first; of the first one's size.

    All are foreground (H, W, 3) and alpha (H, W), uint8.
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
    matrix = np.array([[scale, 0, x], [0, scale, y]])
    if rng.random() < 0.5:  # mirrored
        matrix[0] = -scale, 0, x + scale * (w - 1)
    # Beyond the photo nobody is; the colour there does not matter.
    edges = {"alpha": cv2.BORDER_CONSTANT, "foreground": cv2.BORDER_REPLICATE}
    return {
        name: cv2.warpAffine(layers[name], matrix, (W, H), borderMode=edge)
        for name, edge in edges.items()
    }


def stand(warp: Warp, alpha: np.ndarray, size: tuple[int, int]) -> Warp:
    """Lower a crop of `size` (h, w) so that no person cut off by the photo's lower border hovers.

    `warp` leads from the crop to a photo with the alpha (H, W) uint8.
    """
    feet = np.flatnonzero(alpha[-1] > 127)
    if not len(feet):
        return warp
    # Where the crop shows the photo's lower border, in the middle of what touches it.
    outward = np.linalg.inv(np.vstack([warp.matrix, [0, 0, 1]]))
    _, y, _ = outward @ (feet.mean(), len(alpha) - 1, 1)
    lower = np.array([[1, 0, 0], [0, 1, -max(0.0, size[0] - 1 - y)], [0, 0, 1]])
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


def degrade_photo(rng: np.random.Generator, photo: np.ndarray) -> np.ndarray:
    """Blur, add noise to and compress (H, W, 3) uint8 RGB, each at a chance of its own."""
    if rng.random() < BLUR_SHARE:
        photo = _blur(rng, photo)
    if rng.random() < NOISE_SHARE:
        photo = _add_noise(rng, photo)
    if rng.random() < JPEG_SHARE:
        encoded = encode_image(photo, ".jpg", int(rng.integers(*JPEG_QUALITY)))
        photo = np.array(Image.open(io.BytesIO(encoded)))
    return photo


def _blur(rng: np.random.Generator, photo: np.ndarray) -> np.ndarray:
    if rng.random() < 0.5:
        return cv2.GaussianBlur(photo, (0, 0), rng.uniform(*BLUR_SIGMA))
    length, angle = int(rng.integers(*BLUR_LENGTH)), rng.uniform(0, np.pi)
    middle = (length - 1) / 2
    reach = middle * np.array([np.cos(angle), np.sin(angle)])
    start, end = np.rint([middle - reach, middle + reach]).astype(int).tolist()
    kernel = cv2.line(np.zeros((length, length), np.float32), start, end, 1.0)
    return cv2.filter2D(photo, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101)


def _add_noise(rng: np.random.Generator, photo: np.ndarray) -> np.ndarray:
    H, W = photo.shape[:2]
    C = 1 if np.ptp(photo[::8, ::8], axis=2).max() <= 1 else 3  # a grey photo's noise is grey
    grain = int(rng.choice(NOISE_GRAIN))
    noise = rng.standard_normal((-(-H // grain), -(-W // grain), C), np.float32)
    noise *= np.float32(rng.uniform(*NOISE_SIGMA))
    full = np.atleast_3d(cv2.resize(noise, (W, H), interpolation=cv2.INTER_LINEAR))
    return np.rint(photo + full).clip(0, 255).astype(np.uint8)
