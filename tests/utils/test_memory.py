import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

from utils.errors import InputError
from utils.memory import keep_freed_memory, memory_told

FAULTS = """
import resource, sys
import numpy as np
from utils.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
np.ones(8_000_000)  # once, so that there is something to reuse
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(8_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_it_works_or_does_nothing(monkeypatch):
    keep_freed_memory()
    monkeypatch.setattr(sys, "platform", "darwin")
    keep_freed_memory()


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_large_blocks_are_used_again():
    faults = {
        mode: int(subprocess.check_output([sys.executable, "-c", FAULTS, mode], text=True))
        for mode in ("keep", "not")
    }
    assert faults["keep"] * 5 < faults["not"]


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
