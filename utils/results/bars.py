"""Bar charts as pictures, drawn with OpenCV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

COLOURS = ((49, 104, 142), (253, 174, 97), (115, 115, 115))  # blue, orange, grey; RGB
BAR = 26  # pixels, height of a bar
MARGIN = 24
SPAN = 560  # pixels, length of the longest bar
FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_bars(
    title: str, labels: Sequence[str], series: Mapping[str, Sequence[float]], unit: str
) -> np.ndarray:
    """Groups of lying bars, one group a label and one bar a series, each with its number.

    Args:
        title: stands above.
        labels: one for each group.
        series: name -> one value from 0 up for each label; NaN leaves a bar out.
        unit: of all the values.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    names = list(series)
    group = BAR * len(names) + BAR // 2
    left = MARGIN + max(_width(label) for label in labels) + 12
    top = MARGIN + 2 * BAR + 12
    width = max(left + SPAN + 150, MARGIN + _width(title) + MARGIN)
    picture = np.full((top + group * len(labels) + MARGIN, width, 3), 255, np.uint8)
    _write(picture, title, (MARGIN, MARGIN + 10))
    x = left
    for name, colour in zip(names, COLOURS, strict=False):
        cv2.rectangle(picture, (x, MARGIN + BAR), (x + 14, MARGIN + BAR + 14), colour, -1)
        _write(picture, name, (x + 22, MARGIN + BAR + 13))
        x += 22 + _width(name) + 30
    longest = np.nanmax([np.nan_to_num(values) for values in series.values()]) or 1.0
    for row, label in enumerate(labels):
        y = top + row * group
        _write(picture, label, (MARGIN, y + BAR * len(names) // 2 + 5))
        for bar, name in enumerate(names):
            value = float(series[name][row])
            if np.isnan(value):
                continue
            end = left + max(1, round(SPAN * value / longest))
            up, down = y + bar * BAR + 2, y + (bar + 1) * BAR - 3
            cv2.rectangle(picture, (left, up), (end, down), COLOURS[bar % len(COLOURS)], -1)
            _write(picture, f"{value:,.4g} {unit}", (end + 8, y + bar * BAR + 18))
    return picture


def stack_pictures(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """(H_i, W_i, 3) pictures one below the other, white beside the narrower ones."""
    width = max(picture.shape[1] for picture in pictures)
    return np.concatenate(
        [
            np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0)), constant_values=255)
            for picture in pictures
        ]
    )


def _width(text: str) -> int:
    return cv2.getTextSize(text, FONT, 0.5, 1)[0][0]


def _write(picture: np.ndarray, text: str, place: tuple[int, int]) -> None:
    cv2.putText(picture, text, place, FONT, 0.5, (40, 40, 40), 1, cv2.LINE_AA)
