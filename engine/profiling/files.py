"""A profile's tables, on the screen and as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.profiling.profile import Part
from utils.files import AnyPath
from utils.results.tables import render, write_csv

PARTS, CASES = "parts.csv", "profile.csv"


def write_tables(
    folder: AnyPath, device: str, parts: Sequence[Part], rows: Sequence[dict[str, Any]]
) -> None:
    """Both CSVs, each whole or not at all; `rows` are measure_case's."""
    lines = [[part.name, part.parameters, round(part.multiply_adds), part.per] for part in parts]
    write_csv(Path(folder, PARTS), lines, ["part", "parameters", "multiply_adds", "per"])
    cases = [{"device": device, **row} for row in rows]
    write_csv(Path(folder, CASES), cases, list(cases[0]))


def print_tables(device: str, parts: Sequence[Part], rows: Sequence[dict[str, Any]]) -> None:
    """Both tables on the screen."""
    lines = [
        [part.name, _millions(part.parameters), f"{_millions(part.multiply_adds)} a {part.per}"]
        for part in parts
    ]
    lines.append(["all", _millions(sum(part.parameters for part in parts)), ""])
    print(render("Parts of the network", ["part", "parameters", "multiply-adds"], lines, "text"))
    header = ["photo, unknown", "regions", "multiply-adds", "network ms", "10-90 %"]
    header += ["file to file ms", "peak MB", "note"]
    lines = [
        [
            f"{row['width']}x{row['height']} {row['unknown_percent']}% {row['precision']}",
            str(row["regions"]),
            f"{row['multiply_adds'] / 1e9:.1f} G",
            f"{row['network_ms_median']:.4g}",
            f"{row['network_ms_p10']:.4g}-{row['network_ms_p90']:.4g}",
            f"{row['end_to_end_ms_median']:.4g}",
            str(row["peak_memory_mb"] or "?"),
            row["note"],
        ]
        for row in rows
    ]
    print(render(f"\nTime, and memory above the weights: {device}", header, lines, "text"))


def _millions(number: float) -> str:
    return f"{number / 1e6:,.3f} M"
