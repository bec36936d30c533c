"""From exact layers to a photo: focus, movement, exposure, colours, noise, JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from DemoData.canvas import Canvas


def blur_layers(rng: np.random.Generator, canvas: Canvas) -> None:
    """Out of focus, or moved, a little or more: colour and alpha alike."""
    scale = min(canvas.shape) / 768
    sigma = scale * (rng.uniform(0.35, 0.9) if rng.random() < 0.85 else rng.uniform(0.9, 2.6))
    for plane in canvas.planes:
        cv2.GaussianBlur(plane, (0, 0), max(sigma, 0.3), dst=plane, borderType=cv2.BORDER_REPLICATE)
    if rng.random() < 0.1:
        kernel = _trail(rng.uniform(2, 14) * scale, rng.uniform(0, np.pi))
        for plane in canvas.planes:
            cv2.filter2D(plane, -1, kernel, dst=plane, borderType=cv2.BORDER_REPLICATE)
    np.clip(canvas.planes, 0, 1, out=canvas.planes)


def _trail(length: float, angle: float) -> np.ndarray:
    """The path of a point while the shutter is open: a kernel that sums to 1."""
    reach = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    way = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    start, end = (np.round((reach + s * way) * 16).astype(int) for s in (-1, 1))
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0, 1, cv2.LINE_AA, 4)
    if kernel.sum() == 0:
        kernel[reach, reach] = 1
    return kernel / kernel.sum()


class Development:
    """Exposure, contrast, white balance and saturation, the same for every layer."""

    def __init__(self, rng: np.random.Generator) -> None:
        level = np.linspace(0, 1, 256)
        exposure = np.exp(rng.normal(0.08, 0.22))
        contrast = rng.normal(1.0, 0.15)
        gamma = np.exp(rng.normal(0, 0.12))
        haze = rng.uniform(0, 0.12) if rng.random() < 0.2 else 0.0
        warmth = rng.normal(0, 0.05)
        balance = (1 + warmth, 1 + rng.normal(0, 0.015), 1 - warmth)
        curves = []
        for gain in balance:
            curve = np.clip(level * exposure * gain, 0, 1.3) ** gamma
            curve = np.clip(0.5 + (curve - 0.5) * contrast, 0, 1)
            curves.append(haze + (1 - haze) * curve)
        self.table = np.clip(np.stack(curves, axis=1) * 255 + 0.5, 0, 255).astype(np.uint8)[None]
        vivid = 0.0 if rng.random() < 0.05 else float(np.clip(rng.normal(0.95, 0.18), 0.3, 1.3))
        grey = np.full((3, 3), [0.299, 0.587, 0.114])
        self.mix = (grey + vivid * (np.eye(3) - grey)).astype(np.float32)

    def apply(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 to the same."""
        return cv2.transform(cv2.LUT(image, self.table), self.mix)


def composite(alpha: np.ndarray, foreground: np.ndarray, background: np.ndarray) -> np.ndarray:
    """alpha * foreground + (1 - alpha) * background, rounded; all uint8."""
    share = alpha.astype(np.float32) * np.float32(1 / 255)
    return cv2.blendLinear(foreground, background, share, 1 - share)


def add_traces(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """The noise of a sensor, and what JPEG leaves; (H, W, 3) uint8 to the same."""
    if rng.random() < 0.85:
        image = _noise(rng, image)
    if rng.random() < 0.7:
        quality = int(rng.uniform(40, 96))
        # OpenCV takes red for blue here, and gives it back so.
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return image


def _noise(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Noise whose variance grows with the light; at times coarse, as after denoising."""
    H, W = image.shape[:2]
    strength, pad = 0.3 + rng.gamma(1.5, 1.3), 61
    field: np.ndarray = rng.standard_normal((H + pad, W + pad), dtype=np.float32)
    if rng.random() < 0.3:
        field = 2 * cv2.GaussianBlur(field, (0, 0), rng.uniform(0.5, 1.0))
    # The three colours take the same field from different places: to the eye, three fields.
    grain = cv2.merge([field[y : y + H, x : x + W] for y, x in rng.integers(0, pad, (3, 2))])
    level = np.sqrt(0.3 + 0.7 * np.arange(256) / 255) * strength
    grain = cv2.multiply(grain, cv2.LUT(image, level.astype(np.float32)))
    return cv2.add(image, grain, dtype=cv2.CV_8U)
