"""Write docs/structure.md: what stands where, from the first sentence of every module.

python docs/make_structure.py
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "structure.md"
HEAD = """# Structure

Written by `python docs/make_structure.py` from the first sentence of every module. Imports point
one way: utils ← models, utils ← data ← P3MData, PPMData, PhotoMatteData ← engine ← the scripts, and
models ← engine. `tests/` mirrors the tree. `setup.sh` makes the environment, `run_*.sh` are the
README's commands, `.ci/run` is what CI runs.
"""
PLACES = [".", "engine", "models", "data", "P3MData", "PPMData", "PhotoMatteData", "DemoData"]
PLACES += ["utils", "benchmarks", "checkpoints", "docs"]


def about(path: Path) -> str:
    """The first paragraph of a module's docstring, in one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


def lines() -> Iterator[str]:
    """The page, line by line."""
    yield HEAD
    for place in PLACES:
        folder = ROOT / place
        init = folder / "__init__.py"
        title = "Commands" if place == "." else place
        yield f"## {title}" + (f": {about(init)}" if init.exists() else "") + "\n"
        for path in sorted(folder.glob("*.py") if place == "." else folder.rglob("*.py")):
            inner = path.relative_to(folder)
            name = path.relative_to(ROOT).as_posix()
            if inner.name != "__init__.py":
                yield f"{'  ' * (len(inner.parts) - 1)}- `{name}`: {about(path)}"
            elif path != init:
                yield f"- `{name.removesuffix('__init__.py')}`: {about(path)}"
        yield ""


if __name__ == "__main__":
    PAGE.write_text("\n".join(lines()), encoding="utf-8")
    print(PAGE)
