"""What poor cameras and messengers do to a photo; its alpha and layers stay as they are.

For fine-tuning small networks on few portraits; the paper's recipe does without.
"""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image

from utils.images.encode import encode_image

BLUR_SHARE, NOISE_SHARE, JPEG_SHARE = 0.25, 0.3, 0.4
# Grey is part of the colour matrix instead, for all layers: a grey photo of coloured layers would
# teach the composition loss wrong alphas.
GREY_SHARE = 0.1
BLUR_SIGMA = (0.5, 2.0)  # pixels, lens
BLUR_LENGTH = (3, 11)  # pixels, motion
NOISE_SIGMA = (1.0, 12.0)  # levels of 255
NOISE_GRAIN = (1, 2, 3)  # pixels across a grain; noise reduction makes it coarse
JPEG_QUALITY = (25, 90)


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
    length = int(rng.integers(*BLUR_LENGTH))
    angle = rng.uniform(0, np.pi)
    kernel = np.zeros((length, length), np.float32)
    middle = np.array([length - 1, length - 1]) / 2
    reach = middle * (np.cos(angle), np.sin(angle))
    ends = [tuple(int(v) for v in np.rint(p)) for p in (middle - reach, middle + reach)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return cv2.filter2D(photo, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101)


def _add_noise(rng: np.random.Generator, photo: np.ndarray) -> np.ndarray:
    H, W = photo.shape[:2]
    C = 1 if np.ptp(photo[::8, ::8], axis=2).max() <= 1 else 3  # a grey photo's noise is grey
    grain = int(rng.choice(NOISE_GRAIN))
    noise = rng.standard_normal((-(-H // grain), -(-W // grain), C), np.float32)
    noise *= np.float32(rng.uniform(*NOISE_SIGMA))
    full = np.atleast_3d(cv2.resize(noise, (W, H), interpolation=cv2.INTER_LINEAR))
    return np.rint(photo + full).clip(0, 255).astype(np.uint8)
