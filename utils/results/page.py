"""The report of one evaluation as a single HTML page that needs nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.files import AnyPath, atomic_path
from utils.metrics import COLUMNS, is_larger_better
from utils.results.rows import Row, score_table
from utils.results.statistics import summarise

if TYPE_CHECKING:  # imported where it is used: that takes a second
    import pandas as pd

TEMPLATE = Path(__file__).with_suffix(".html")
BINS = 24
WIDTH, HEIGHT, MARGIN = 220, 90, 14  # px, of one histogram; the margin holds its axis


def write_report(
    path: AnyPath,
    title: str,
    rows: Sequence[Row],
    settings: Mapping[str, Any],
    columns: Sequence[str] = COLUMNS,
) -> None:
    """Write the page: summary, histograms, settings, and a gallery sorted by error. Atomic.

    Args:
        rows: those that were measured hold `thumbnails` and `thumbnail_size` in `extra`
            (utils.results.thumbnails).
        settings: what decided the numbers, shown as it is.
        columns: the metrics that are shown.
    """
    measured = [row for row in rows if row.scores]
    scores = score_table(measured, columns)
    parts = {
        "title": escape(title),
        "failures": _failures(rows),
        "summary": _summary(summarise(scores)) if measured else "",
        "histograms": "".join(_histogram(scores[column]) for column in columns if measured),
        "settings": "".join(
            f"<dt>{escape(k)}</dt><dd>{_text(v)}</dd>" for k, v in settings.items()
        ),
        "options": "".join(map(_option, columns)),
        "images": _images(measured),
    }
    template = TEMPLATE.read_text(encoding="utf-8")
    page = re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], template)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{escape(str(key))} {_text(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return {None: "none", True: "yes", False: "no"}.get(value, escape(str(value)))


def _failures(rows: Sequence[Row]) -> str:
    failed = [row for row in rows if row.error]
    if not failed:
        return ""
    lines = "".join(f"<li>{escape(row.name)}: {escape(row.error)}</li>" for row in failed)
    count = f"{len(failed)} of {len(rows)} images could not be measured"
    return f'<div class="failed"><p>{count}; they enter no number below.</p><ul>{lines}</ul></div>'


def _summary(summaries: pd.DataFrame) -> str:
    head = "<tr><th>metric</th><th>mean</th><th>95 % interval</th><th>median</th><th>s.e.</th></tr>"
    lines = "".join(
        f"<tr><td>{s.metric}</td><td>{s.mean:.4g}</td><td>{s.low:.4g} to {s.high:.4g}</td>"
        f"<td>{s.median:.4g}</td><td>{s.standard_error:.2g}</td></tr>"
        for s in summaries.itertuples()
    )
    return f"<table>{head}{lines}</table>"


def _option(column: str) -> str:
    better = "larger" if is_larger_better(column) else "smaller"
    return f'<option data-better="{better}">{column}</option>'


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


def _images(rows: Sequence[Row]) -> str:
    shown = ("thumbnails", "thumbnail_size")
    entries = [
        {"name": row.name, "scores": row.scores, **{key: row.extra[key] for key in shown}}
        for row in rows
    ]
    # In a script element only "</" and "<!--" could end or upset it.
    return json.dumps(entries, separators=(",", ":")).replace("<", "\\u003c")
