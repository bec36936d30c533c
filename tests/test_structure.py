"""What imports what, and the page that says what stands where."""

import ast
import re
import runpy
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A package and those that it may import.
BELOW = {
    "utils": set(),
    "models": {"utils"},
    "data": {"utils"},
    "DemoData": {"utils", "data", "P3MData"},
    "P3MData": {"utils", "data"},
    "PPMData": {"utils", "data"},
    "PhotoMatteData": {"utils", "data"},
    "engine": {"utils", "models", "data", "P3MData", "PPMData", "PhotoMatteData"},
}


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_of(path): path for package in BELOW for path in sorted((ROOT / package).rglob("*.py"))
}


def imports(path):
    """The project's modules that a module imports, for types and inside functions, too."""
    wanted = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                wanted.add(inner if inner in MODULES else node.module)
        elif isinstance(node, ast.Import):
            wanted |= {alias.name for alias in node.names}
    return {name for name in wanted if name in MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    home = module.split(".")[0]
    others = {name.split(".")[0] for name in imports(MODULES[module])} - {home}
    assert others <= BELOW[home]


def test_no_imports_run_in_a_circle():
    TopologicalSorter({name: imports(path) for name, path in MODULES.items()}).prepare()


def test_the_network_knows_no_command_line():
    files = (path for name, path in MODULES.items() if name.startswith("models"))
    assert not [f for f in files if re.search(r"[\s\"'`]--\w", f.read_text(encoding="utf-8"))]


def test_the_page_of_the_structure_is_that_of_today():
    written = runpy.run_path(str(ROOT / "docs/make_structure.py"))
    assert "\n".join(written["lines"]()) == written["PAGE"].read_text(encoding="utf-8"), (
        "run python docs/make_structure.py"
    )
