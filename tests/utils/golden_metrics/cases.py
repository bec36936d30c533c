"""Seeded (predicted alpha, true alpha, trimap) triples for checking matting metrics.

expected.csv beside this file holds what the P3M authors' published evaluation code gives for each
of them. SAD and Conn are in thousands of pixels, Grad is the sum of squared differences divided by
10, MSE and MAD are plain means, all of it in float64. Columns sad_unknown, mse_unknown,
mad_unknown, sad_foreground, sad_background are SAD_TRIMAP, MSE_TRIMAP, MAD_TRIMAP, SAD_FG, SAD_BG.

    from cases import cases
    for name, pred, true, trimap in cases(seed=1): ...
"""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import gaussian_filter, grey_dilation, grey_erosion


def soft_person(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(H, W) float64 alpha on the 8-bit grid: a head, shoulders, and thin bright strands."""
    y, x = np.mgrid[0:height, 0:width]
    cx = width * rng.uniform(0.4, 0.6)
    head = np.hypot((x - cx) / (0.16 * width), (y - 0.35 * height) / (0.20 * height)) < 1
    body = np.hypot((x - cx) / (0.38 * width), (y - 1.05 * height) / (0.50 * height)) < 1
    alpha = gaussian_filter((head | body).astype(float), rng.uniform(0.8, 2.5))
    for _ in range(25):
        angle, length = rng.uniform(0, 6.28), rng.uniform(0.15, 0.30) * height
        t = np.linspace(0, 1, 200)
        px = cx + np.cos(angle + 0.6 * t * rng.uniform(-1, 1)) * length * t
        py = 0.35 * height + np.sin(angle + 0.6 * t) * length * t
        inside = (px >= 0) & (px < width) & (py >= 0) & (py < height)
        rows, cols = py[inside].astype(int), px[inside].astype(int)
        alpha[rows, cols] = np.maximum(alpha[rows, cols], rng.uniform(0.2, 0.8))
    return np.round(np.clip(alpha, 0, 1) * 255) / 255


def trimap_of(alpha: np.ndarray, size: int = 15) -> np.ndarray:
    """(H, W) uint8 with 0 background, 128 unknown, 255 foreground."""
    inside, touched = (
        grey_erosion((alpha == 1).astype(np.uint8), size),
        grey_dilation((alpha > 0).astype(np.uint8), size),
    )
    return np.where(inside == 1, 255, np.where(touched == 1, 128, 0)).astype(np.uint8)


def cases(seed: int) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    rng = np.random.Generator(np.random.PCG64(seed))
    for index, (height, width) in enumerate([(217, 333), (400, 300), (256, 256), (97, 640)]):
        true = soft_person(rng, height, width)
        trimap = trimap_of(true)
        noise = gaussian_filter(rng.standard_normal(true.shape), 4) * 8
        yield f"noisy-{index}", np.clip(true + 0.15 * noise, 0, 1), true, trimap
        yield f"blurred-{index}", np.clip(gaussian_filter(true, 2.0), 0, 1), true, trimap
        islands = true.copy()
        for _ in range(8):
            r, c = rng.integers(0, height - 12), rng.integers(0, width - 12)
            islands[r : r + 12, c : c + 12] = rng.uniform(0.3, 1.0)
        yield f"islands-{index}", islands, true, trimap
        yield (
            f"hole-{index}",
            np.where(
                np.hypot(
                    *(np.mgrid[0:height, 0:width] - np.array([[[0.35 * height]], [[width / 2]]]))
                )
                < 20,
                0.0,
                true,
            ),
            true,
            trimap,
        )
        yield f"shifted-{index}", np.roll(true, 5, axis=1), true, trimap
    yield "perfect", true, true, trimap
    yield "empty", np.zeros_like(true), true, trimap
    yield "full", np.ones_like(true), true, trimap
    yield "inverse", 1 - true, true, trimap
