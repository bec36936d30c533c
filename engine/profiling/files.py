"""A profile's tables, on the screen and as files, and its plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.profiling.measuring import Timing
from engine.profiling.profile import Case, Measurement, Part
from utils.errors import InputError
from utils.files import AnyPath
from utils.images import write_image
from utils.results.bars import draw_bars, stack_pictures
from utils.results.tables import render, write_csv


@dataclass(frozen=True)
class ProfileFiles:
    """The files of one profile in their folder."""

    folder: AnyPath

    @property
    def parts(self) -> Path:
        return Path(self.folder, "parts.csv")

    @property
    def table(self) -> Path:
        return Path(self.folder, "profile.csv")

    @property
    def plot(self) -> Path:
        return Path(self.folder, "profile.png")

    def trace(self, case: Case) -> Path:
        return Path(self.folder, "trace", f"{_name(case).replace(' ', '_')}.pt.trace.json")

    def begin(self, *, overwrite: bool) -> None:
        """Refuse to replace what is there.

        Raises:
            InputError: if a profile is there and `overwrite` is not set.
        """
        there = [path for path in (self.parts, self.table, self.plot) if path.exists()]
        if there and not overwrite:
            raise InputError(
                f"{there[0]} is there already; give another --output, or --overwrite to replace it"
            )

    def write(
        self, device: str, parts: Sequence[Part], measurements: Sequence[Measurement]
    ) -> None:
        """Both CSVs and the plot, each whole or not at all."""
        header = ["part", "parameters", "multiply_adds", "per"]
        rows = [[part.name, part.parameters, round(part.multiply_adds), part.per] for part in parts]
        write_csv(self.parts, rows, header)
        write_csv(self.table, [_row(device, one) for one in measurements], COLUMNS)
        write_image(self.plot, plot(device, measurements))


COLUMNS = (
    *("device", "height", "width", "unknown_percent", "precision", "regions", "multiply_adds"),
    *("network_ms_p10", "network_ms_median", "network_ms_p90", "network_runs"),
    *("end_to_end_ms_p10", "end_to_end_ms_median", "end_to_end_ms_p90", "end_to_end_runs"),
    *("peak_memory_mb", "note"),
)


def _row(device: str, found: Measurement) -> list[object]:
    case = found.case
    memory = "" if found.peak_memory is None else round(found.peak_memory / 1e6, 1)
    return [
        *(device, *case.size, f"{case.unknown:g}", case.precision),
        *(found.regions, round(found.multiply_adds)),
        *(*_milliseconds(found.network), found.network.runs),
        *(*_milliseconds(found.end_to_end), found.end_to_end.runs),
        *(memory, found.doubt),
    ]


def _milliseconds(timing: Timing) -> list[float]:
    return [round(1000 * seconds, 3) for seconds in (timing.low, timing.median, timing.high)]


def print_tables(device: str, parts: Sequence[Part], measurements: Sequence[Measurement]) -> None:
    """Both tables on the screen."""
    rows = [[part.name, f"{part.parameters / 1e6:.3f} M", _work(part)] for part in parts]
    rows.append(["all", f"{sum(part.parameters for part in parts) / 1e6:.3f} M", ""])
    header = ["part", "parameters", "multiply-adds"]
    print(render("Parts of the network", header, rows, "text"))
    header = ["photo, unknown", "regions", "multiply-adds", "network ms", "10-90 %"]
    header += ["file to file ms", "peak MB", "note"]
    rows = []
    for found in measurements:
        low, median, high = _milliseconds(found.network)
        memory = "?" if found.peak_memory is None else f"{found.peak_memory / 1e6:.0f}"
        rows.append(
            [
                _name(found.case),
                str(found.regions),
                f"{found.multiply_adds / 1e9:.1f} G",
                f"{median:.4g}",
                f"{low:.4g}-{high:.4g}",
                f"{_milliseconds(found.end_to_end)[1]:.4g}",
                memory,
                found.doubt,
            ]
        )
    print()
    print(render(f"Time, and memory above the weights: {device}", header, rows, "text"))


def _work(part: Part) -> str:
    if part.per == "photo":
        return f"{part.multiply_adds / 1e9:.2f} G a photo"
    return f"{part.multiply_adds / 1e6:.2f} M a region"


def plot(device: str, measurements: Sequence[Measurement]) -> np.ndarray:
    """(H, W, 3) uint8 RGB: median times and peak memory of every case as bars.

    Beside times that are in doubt stands why.
    """
    names = [_name(found.case) for found in measurements]
    noted = [
        f"{name} ({found.doubt})" if found.doubt else name
        for name, found in zip(names, measurements, strict=True)
    ]
    times = {
        "network": [1000 * found.network.median for found in measurements],
        "file to file": [1000 * found.end_to_end.median for found in measurements],
    }
    memory = [
        math.nan if found.peak_memory is None else found.peak_memory / 1e6 for found in measurements
    ]
    return stack_pictures(
        [
            draw_bars(f"Median time, {device}", noted, times, "ms"),
            draw_bars("Peak memory above the weights", names, {"memory": memory}, "MB"),
        ]
    )


def _name(case: Case) -> str:
    height, width = case.size
    return f"{width}x{height} {case.unknown:g}% {case.precision}"
