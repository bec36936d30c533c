"""Work shared out among processes."""

import os
import subprocess
import sys
from multiprocessing import resource_tracker, util
from pathlib import Path

import pytest

from utils.errors import InputError
from utils.parallel import count_cores, keep_freed_memory, map_files

FAULTS = """
import resource, sys
import numpy as np
from utils.parallel import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
np.ones(8_000_000)  # once, so that there is something to reuse
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(8_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PACKAGES = ("engine", "models", "utils", "benchmarks", "*Data", "checkpoints")


def square(number):
    return number**2


def die(number):
    os._exit(number)


@pytest.mark.parametrize("workers", [0, 2])
def test_every_item_is_worked_on(workers):
    assert sorted(map_files(square, range(5), num_workers=workers, title="")) == [0, 1, 4, 9, 16]


def test_a_process_that_was_killed_is_told_in_a_sentence():
    with pytest.raises(InputError, match=r"squares: a process was killed.*--num_workers 1"):
        list(map_files(die, [9, 9], num_workers=2, title="squares"))


@pytest.mark.parametrize("error", [ValueError("bad value(s) in fds_to_keep"), OSError(9, "EBADF")])
def test_so_is_one_that_was_killed_while_the_next_began(monkeypatch, error):
    spawn, spawned = util.spawnv_passfds, []

    def second_fails(*of):
        spawned.append(of)
        if len(spawned) > 1:
            raise error
        return spawn(*of)

    # Its process is not to count.
    resource_tracker.ensure_running()
    monkeypatch.setattr(util, "spawnv_passfds", second_fails)
    with pytest.raises(InputError, match=r"squares: a process was killed.*--num_workers 1"):
        list(map_files(square, [1, 2], num_workers=2, title="squares"))


def test_an_error_of_the_work_itself_is_passed_on():
    with pytest.raises(ValueError, match="invalid literal"):
        list(map_files(int, ["1", "one"], num_workers=2, title="squares"))


def test_only_cores_this_process_may_use_count(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 5, 7}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert count_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert count_cores() == 64


def test_nobody_counts_cores_otherwise():
    root = Path(__file__).parents[2]
    places = [root.glob("*.py"), *(root.glob(f"{name}/**/*.py") for name in PACKAGES)]
    counting = [p for files in places for p in files if "cpu_count" in p.read_text("utf-8")]
    assert counting == [root / "utils/parallel.py"]


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
