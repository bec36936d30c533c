"""The README keeps its word: the file map is true, and its commands have options that exist."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SKIPPED = ("tests", ".venv", "demo", "train_root", "Datasets", "Datasets-demo")
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        place = path.relative_to(ROOT)
        if place.name != "__init__.py" and place.parts[0] not in SKIPPED:
            yield place


def test_the_file_map_names_every_module_and_what_it_is():
    found = dict(re.findall(r"^- `([\w/]+\.py)`: (.+)$", README, re.MULTILINE))
    wanted = {}
    for place in modules():
        text = ast.get_docstring(ast.parse((ROOT / place).read_text(encoding="utf-8")))
        wanted[place.as_posix()] = " ".join(text.split("\n\n")[0].split())
    assert found == wanted


def test_every_other_file_is_named():
    for path in ROOT.rglob("*"):
        place = path.relative_to(ROOT)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in place.parts)
        if path.is_dir() or path.suffix == ".py" or hidden or place.parts[0] in SKIPPED:
            continue
        name = place.name.removeprefix("requirements").removesuffix(".txt") or place.name
        assert name in README, place


def test_every_script_and_picture_of_the_readme_is_there():
    for name in re.findall(r"\]\(([\w./-]+)\)|bash ([\w./]+\.sh)", README):
        assert (ROOT / (name[0] or name[1])).exists(), name


def commands():
    for block in BLOCKS:
        lines = block.replace("\\\n", " ").splitlines()
        for line in lines:
            words = shlex.split(line, comments=True)
            if words and words[0] in ("python", "torchrun"):
                yield line, words


@pytest.mark.parametrize(("line", "words"), [pytest.param(*c, id=c[0][:60]) for c in commands()])
def test_options_in_the_readme_exist(line, words):
    start = next(i for i, word in enumerate(words) if word.endswith(".py") or word == "-m")
    target = words[start : start + 2] if words[start] == "-m" else [words[start]]
    given = {word for word in words[start + len(target) :] if word.startswith("--")}
    if not given:
        return
    names = ["compare"] if "compare" in words else []
    text = subprocess.run(
        [sys.executable, *target, *names, "--help"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    assert given <= set(re.findall(r"--\w+", text)), line
