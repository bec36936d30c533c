import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from utils.errors import InputError, memory_told, run_script

ROOT = Path(__file__).parents[2]
PRINT = "from utils.errors import run_script; run_script(lambda: print('caf\\udce9.jpg'))"
WRITE = """
import sys, time
from utils.errors import run_script
from utils.files import atomic_path

def main():
    with atomic_path(sys.argv[1]):
        print("begun", flush=True)
        time.sleep(60)

run_script(main)
"""


def test_names_that_are_not_utf_8_are_printed():
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", PRINT], capture_output=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [b"caf\\udce9.jpg"]


def test_a_script_that_is_told_to_end_leaves_nothing_half_written(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "LOCAL_RANK"}
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE, str(tmp_path / "a.png")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    assert process.stdout.readline() == "begun\n"
    process.terminate()
    assert process.communicate()[1] == "stopped by SIGTERM\n"
    assert process.returncode == 143
    assert not any(tmp_path.iterdir())


def test_an_interruption_of_compiled_code_is_none_of_our_faults(monkeypatch, capsys):
    monkeypatch.setenv("LOCAL_RANK", "0")  # SIGTERM stays pytest's

    def main():
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as stop:
            raise SystemError("_estimate_fb_ml returned a result with an exception set") from stop

    with pytest.raises(SystemExit) as left:
        run_script(main)
    assert left.value.code == 130
    assert capsys.readouterr().err == "stopped by Ctrl-C\n"


def on_a_gpu():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


@pytest.mark.parametrize(
    ("fail", "words"),
    [
        (on_a_gpu, "^a step does not fit into the GPU's memory; shrink it$"),
        (lambda: torch.empty(2**60), "^a step does not fit into memory; shrink it$"),
        (lambda: np.empty(2**58), "^a step does not fit into memory; shrink it$"),
        (lambda: cv2.resize(np.zeros((1, 1)), (2**22, 2**22)), "^a step does not fit into memory;"),
        (lambda: bytearray(2**60), "^a step does not fit into memory; shrink it$"),
    ],
)
def test_out_of_memory_is_told_wherever_it_was(fail, words):
    with pytest.raises(InputError, match=words), memory_told("a step", "shrink it"):
        fail()


def test_other_faults_keep_their_words():
    with pytest.raises(RuntimeError, match="ours"), memory_told("a step", "shrink it"):
        raise RuntimeError("a fault of ours")
