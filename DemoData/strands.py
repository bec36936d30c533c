"""Hairs thinner than a pixel, each covering as much of every pixel as it crosses."""

from __future__ import annotations

import cv2
import numpy as np

from DemoData.canvas import Canvas, box_around

FINE = 4  # a pixel is FINE x FINE points, so a hair of one point covers a quarter of its width
LEVELS = 24  # of brightness


def paint_strands(
    canvas: Canvas,
    paths: np.ndarray,
    brightness: np.ndarray,
    width: np.ndarray | int,
    dark: np.ndarray,
    bright: np.ndarray,
    fine: int = FINE,
) -> None:
    """Lay opaque lines over the canvas, bright ones over dark ones.

    They are drawn on a grid of `fine` x `fine` points a pixel and averaged, so alpha is exactly the
    share of a pixel's points that are covered, and colour is that of the hairs there.

    Args:
        canvas: painted on.
        paths: (N, K, 2) float, points x, y in pixels.
        brightness: (N,) in [0, 1].
        width: points of the fine grid; an int or (N,) integers.
        dark, bright: (3,) colours of brightness 0 and 1.
        fine: points along a pixel.
    """
    if not len(paths):
        return
    box = box_around(paths.reshape(-1, 2), float(np.max(width)) / fine + 1, canvas.shape)
    if box is None:
        return
    H, W = box.shape
    grid = np.zeros((H * fine, W * fine), np.uint8)
    # Pixel centres are whole numbers; a pixel's fine points lie around its centre.
    points = (paths - [box.left, box.top]) * fine + (fine - 1) / 2
    points = np.round(points).astype(np.int32)
    # 0 is "no hair", so brightness begins at 1.
    level = np.round(np.clip(brightness, 0, 1) * (LEVELS - 1)).astype(int)
    widths = np.broadcast_to(width, level.shape)
    for which in np.unique(level):
        value = 1 + int(which) * 254 // (LEVELS - 1)
        for thickness in np.unique(widths[level == which]):
            lines = points[(level == which) & (widths == thickness)]
            cv2.polylines(grid, list(lines), False, value, int(thickness))
    size = (W, H)
    mean = cv2.resize(grid, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    cv2.threshold(grid, 0, 255, cv2.THRESH_BINARY, dst=grid)
    coverage = cv2.resize(grid, size, interpolation=cv2.INTER_AREA) * np.float32(1 / 255)
    share = (mean - coverage) * np.float32(1 / 254)
    step = np.asarray(bright, np.float32) - np.asarray(dark, np.float32)
    colour = [coverage * np.float32(d) + share * s for d, s in zip(dark, step, strict=True)]
    canvas.over_premultiplied(box, coverage, colour)
