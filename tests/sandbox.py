"""A copy of the repository with data of a few small pictures, in which the README's lines run.

As a script it runs Python command lines, a list of words each, one after the other in one process:
importing torch anew for each would take longer than all of them. Ends at the first that fails.
"""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

ROOT = Path(__file__).parents[1]
SKIPPED = ("tests", ".*", "__pycache__", "demo", "train_root", "Datasets", "Datasets-demo")
# Stands for python and torchrun: notes what it is asked to run. setup.sh's trial imports succeed.
NOTE = """#!/usr/bin/env bash
[ "$1" = -c ] || { printf '%s\\0' "$@"; printf '\\n'; } >>"$CALLS"
"""


def make(folder: Path) -> Path:
    """Fill a new folder with the code, as links, and with what the README's lines ask for."""
    from DemoData.generate import generate
    from models.checkpoint import DEFAULT_CHECKPOINT
    from utils.images import read_photo
    from utils.metrics import COLUMNS
    from utils.results.rows import Row, write_results
    from utils.video.frame import have_pyav

    ignore = shutil.ignore_patterns(*SKIPPED)
    shutil.copytree(ROOT, folder, ignore=ignore, copy_function=os.symlink)
    data = folder / "Datasets"
    generate(data, num_train=1, num_test=1, size=96, seed=0, num_workers=1, kinds=["bust"])
    train, test = data / "P3M-10K" / "train", data / "P3M-10K" / "validation" / "P3M-500-P"
    for layer in ("fg", "bg"):  # P3MData.solve_fg_bg makes them
        shutil.rmtree(train / layer)
    shutil.copytree(train / "blurred_image", folder / "photos")
    shutil.copytree(train / "blurred_image", folder / "mine" / "image")
    shutil.copytree(train / "mask", folder / "mine" / "alpha")
    shutil.copytree(folder / "mine", folder / "mine_val")
    shutil.copytree(test / "mask", folder / "modnet_alphas")
    photo = folder / "me.jpg"
    shutil.copy(train / "blurred_image" / "demo_00000.jpg", photo)
    shutil.copy(DEFAULT_CHECKPOINT, folder / "0000500000.pth")  # the authors' own could not be had
    if have_pyav():
        from utils.video.write import open_writer

        with open_writer(folder / "film.mp4", (96, 96), 3, Fraction(25), None) as writer:
            for number in range(2):
                writer.write(read_photo(photo), Fraction(number, 25))
    trained = folder / "train_root/paper/test_P3M/P3M-500-P_paper_0000400000.csv"
    write_results(trained, [Row("demo_00000", dict.fromkeys(COLUMNS, 1.0))])
    (folder / "bin").mkdir()
    for name in ("python", "torchrun"):
        (folder / "bin" / name).write_text(NOTE)
        (folder / "bin" / name).chmod(0o755)
    return folder


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of code of a page."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def lines(page: Path) -> list[str]:
    """Its lines of bash, whole and without comments."""
    text = "".join(blocks(page, "bash")).replace("\\\n", " ")
    bare = (" ".join(re.sub(r"(^|\s)#.*", "", line).split()) for line in text.splitlines())
    return [line for line in bare if line]


def calls_of(folder: Path, lines: list[str]) -> list[list[str]]:
    """The Python commands that lines of bash come down to; torchrun's own options are left out."""
    calls = folder / "calls"
    calls.unlink(missing_ok=True)
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "VENV": str(folder), "CALLS": str(calls)}
    subprocess.run(["bash", "-ec", "\n".join(lines)], cwd=folder, env=environment, check=True)
    found = [line.split("\0")[:-1] for line in calls.read_text().splitlines()]
    starts = [next(i for i, word in enumerate(c) if word.endswith((".py", "-m"))) for c in found]
    return [call[start:] for call, start in zip(found, starts, strict=True)]


def run(folder: Path, calls: list[list[str]]) -> subprocess.CompletedProcess[str]:
    """Run these Python commands on the CPU."""
    command = [sys.executable, __file__, json.dumps(calls)]
    environment = {**os.environ, "PYTHONPATH": str(folder), "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def main() -> None:
    for words in json.loads(sys.argv[1]):
        print("$", *words, file=sys.stderr, flush=True)
        try:
            if words[0] == "-m":
                sys.argv = words[1:]
                runpy.run_module(words[1], run_name="__main__", alter_sys=True)
            else:
                sys.argv = words
                runpy.run_path(words[0], run_name="__main__")
        except SystemExit as end:
            if end.code:
                raise


if __name__ == "__main__":
    main()
