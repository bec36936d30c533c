"""Tables as CSV files, aligned text, Markdown or LaTeX."""

from collections.abc import Sequence

import pandas as pd

from utils.files import AnyPath, atomic_path

FORMATS = ("text", "markdown", "latex")


def write_csv(path: AnyPath, rows: pd.DataFrame | Sequence[object], columns: Sequence[str]) -> None:
    """Write these columns, numbers to the last digit and what is missing as nothing. Atomic."""
    with atomic_path(path) as temporary:
        table = pd.DataFrame(rows, columns=list(columns))
        # Names of files need not be UTF-8.
        table.to_csv(temporary, index=False, lineterminator="\n", errors="surrogateescape")


def render(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], form: str) -> str:
    """Text in rows as one of FORMATS, without a newline at the end.

    The first column is set left, the others, numbers, right.
    """
    if form == "latex":
        table = pd.DataFrame(rows, columns=list(header))
        columns = "l" + "r" * (len(header) - 1)
        return f"% {title}\n{table.to_latex(index=False, escape=True, column_format=columns)}"[:-1]
    if form == "markdown":  # pandas' own needs tabulate
        lines = [header, [":--", *["--:"] * (len(header) - 1)], *rows]
        body = (" | ".join(cell.replace("|", r"\|") for cell in line) for line in lines)
        return "\n".join([f"**{title}**", "", *(f"| {line} |" for line in body)])
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    line = "  ".join(f"{{:{'>' if i else '<'}{width}}}" for i, width in enumerate(widths))
    return "\n".join([title, *(line.format(*cells).rstrip() for cells in (header, *rows))])
