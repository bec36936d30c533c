"""A profile's tables, on the screen and as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.profiling.measuring import Timing
from engine.profiling.profile import Case, Measurement, Part
from utils.files import AnyPath, keep_existing
from utils.results.tables import render, write_csv

COLUMNS = (
    *("device", "height", "width", "unknown_percent", "precision", "regions", "multiply_adds"),
    *("network_ms_p10", "network_ms_median", "network_ms_p90", "network_runs"),
    *("end_to_end_ms_p10", "end_to_end_ms_median", "end_to_end_ms_p90", "end_to_end_runs"),
    *("peak_memory_mb", "note"),
)


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

    def trace(self, case: Case) -> Path:
        return Path(self.folder, "trace", f"{_name(case).replace(' ', '_')}.pt.trace.json")

    def begin(self, *, overwrite: bool) -> None:
        """Refuse to replace what is there.

        Raises:
            InputError: if a profile is there and `overwrite` is not set.
        """
        for path in (self.parts, self.table):
            keep_existing(path, overwrite)

    def write(
        self, device: str, parts: Sequence[Part], measurements: Sequence[Measurement]
    ) -> None:
        """Both CSVs, each whole or not at all."""
        header = ["part", "parameters", "multiply_adds", "per"]
        rows = [[part.name, part.parameters, round(part.multiply_adds), part.per] for part in parts]
        write_csv(self.parts, rows, header)
        write_csv(self.table, [_row(device, one) for one in measurements], COLUMNS)


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
    print()
    lines = [_line(found) for found in measurements]
    print(render(f"Time, and memory above the weights: {device}", header, lines, "text"))


def _line(found: Measurement) -> list[str]:
    low, median, high = _milliseconds(found.network)
    return [
        _name(found.case),
        str(found.regions),
        f"{found.multiply_adds / 1e9:.1f} G",
        f"{median:.4g}",
        f"{low:.4g}-{high:.4g}",
        f"{_milliseconds(found.end_to_end)[1]:.4g}",
        "?" if found.peak_memory is None else f"{found.peak_memory / 1e6:.0f}",
        found.doubt,
    ]


def _work(part: Part) -> str:
    if part.per == "photo":
        return f"{part.multiply_adds / 1e9:.2f} G a photo"
    return f"{part.multiply_adds / 1e6:.2f} M a region"


def _name(case: Case) -> str:
    height, width = case.size
    return f"{width}x{height} {case.unknown:g}% {case.precision}"
