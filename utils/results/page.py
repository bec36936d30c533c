"""The report of one evaluation as a single HTML page that needs nothing else."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from utils.composition import composite
from utils.files import AnyPath, atomic_path
from utils.metrics import COLUMNS, is_larger_better
from utils.results.rows import Row, score_table
from utils.results.statistics import summarise

TEMPLATE = Path(__file__).with_suffix(".html")
BINS = 24
WIDTH, HEIGHT, MARGIN = 220, 90, 14  # px, of one histogram; the margin holds its axis
SIDE = 256  # px, the longer side of a picture
QUALITY = 72  # of WebP; 500 images of five pictures stay well under 30 MB
COMPOSITE_COLOUR = (0, 177, 64)  # RGB, chroma green: shows fringes of any other colour
TOO_MUCH, TOO_LITTLE = (200, 30, 30), (30, 70, 200)  # RGB of errors +1 and -1


def write_report(
    path: AnyPath,
    title: str,
    rows: Sequence[Row],
    settings: Mapping[str, Any],
    columns: Sequence[str] = COLUMNS,
) -> None:
    """Write the page: summary, histograms, settings, and a gallery sorted by error. Atomic.

    Args:
        rows: those that were measured have what `make_thumbnails` gives in `extra`.
        settings: what decided the numbers, shown as it is.
        columns: the metrics that are shown.
    """
    measured = [row for row in rows if row.scores]
    scores = score_table(measured, columns)
    images = [{"name": row.name, "scores": row.scores, **row.extra} for row in measured]
    parts = {
        "title": escape(title),
        "failures": _failures(rows),
        "summary": summarise(scores).to_html(index=False, float_format="{:.4g}".format),
        "histograms": "".join(_histogram(scores[column]) for column in columns if measured),
        "settings": escape(json.dumps(settings, indent=2)),
        "options": "".join(
            f'<option data-better="{"larger" if is_larger_better(column) else "smaller"}">{column}'
            for column in columns
        ),
        # In a script element only "</" and "<!--" could end or upset it.
        "images": json.dumps(images, separators=(",", ":")).replace("<", "\\u003c"),
    }
    template = TEMPLATE.read_text(encoding="utf-8")
    page = re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], template)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="backslashreplace")


def _failures(rows: Sequence[Row]) -> str:
    failed = [row for row in rows if row.error]
    if not failed:
        return ""
    lines = "".join(f"<li>{escape(row.name)}: {escape(row.error)}</li>" for row in failed)
    count = f"{len(failed)} of {len(rows)} images could not be measured"
    return f'<div class="failed"><p>{count}; they enter no number below.</p><ul>{lines}</ul></div>'


def _histogram(values: pd.Series) -> str:
    """An SVG: how many images lie where, and a line at the mean."""
    low, high = float(values.min()), float(values.max())
    span = high - low or 1.0
    counts, edges = np.histogram(values, BINS, (low, low + span))
    step, tallest = WIDTH / BINS, HEIGHT - MARGIN
    bars = "".join(
        f'<rect x="{i * step:.1f}" y="{tallest * (1 - count / counts.max()):.1f}" '
        f'width="{step - 1:.1f}" height="{tallest * count / counts.max():.1f}">'
        f"<title>{edges[i]:.4g} to {edges[i + 1]:.4g}: {count} images</title></rect>"
        for i, count in enumerate(counts)
        if count
    )
    mean = (float(values.mean()) - low) / span * WIDTH
    return (
        f'<figure><figcaption>{values.name}</figcaption><svg width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="histogram of {values.name}">{bars}'
        f'<line x1="{mean:.1f}" x2="{mean:.1f}" y1="0" y2="{tallest}"/>'
        f'<text x="0" y="{HEIGHT - 2}">{low:.4g}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 2}" text-anchor="end">{high:.4g}</text></svg></figure>'
    )


def make_thumbnails(image: np.ndarray, true: np.ndarray, pred: np.ndarray) -> dict[str, Any]:
    """The pictures of one result: `thumbnails`, base64 WebP by name, and their `thumbnail_size`.

    The names are photo, truth, result, error (see error_map) and composite (of the photo's own
    colours, by the result, over green).

    Args:
        image: (H, W, 3) uint8 RGB, in sRGB.
        true, pred: (H, W) uint8 alphas.
    """
    H, W = pred.shape
    scale = min(1.0, SIDE / max(H, W))
    size = max(1, round(W * scale)), max(1, round(H * scale))  # OpenCV's order
    layers = image, true, pred, cv2.subtract(pred, true), cv2.subtract(true, pred)  # clipped at 0
    photo, truth, result, too_much, too_little = (
        cv2.resize(layer, size, interpolation=cv2.INTER_AREA) for layer in layers
    )
    green = np.full_like(photo, COMPOSITE_COLOUR)
    pictures = {
        "photo": photo,
        "truth": truth,
        "result": result,
        "error": error_map(too_much, too_little),
        "composite": composite(photo, green, result),
    }
    encoded = {name: _encode(picture) for name, picture in pictures.items()}
    return {"thumbnails": encoded, "thumbnail_size": [size[1], size[0]]}


def error_map(too_much: np.ndarray, too_little: np.ndarray) -> np.ndarray:
    """Both signs of an error as one picture: (H, W) uint8 each -> (H, W, 3) uint8 RGB.

    White where there is none, red where the result is too large, blue where it is too small. The
    colour goes with the square root of the error, so that small errors show.
    """
    picture = np.full((*too_much.shape, 3), 255.0)
    for error, colour in ((too_much, TOO_MUCH), (too_little, TOO_LITTLE)):
        picture -= np.sqrt(error / 255)[..., None] * (255 - np.array(colour))
    return np.rint(picture).clip(0, 255).astype(np.uint8)


def _encode(picture: np.ndarray) -> str:
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    return base64.b64encode(encoded.tobytes()).decode("ascii")
