"""The checks for a GPU, run small on the CPU."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.gpu_checks import CHECKS, Bench

ROOT = Path(__file__).parents[2]


def gpu(folder, *checks):
    words = ["-m", "benchmarks.gpu", "--gpus", "--output", folder, "--only", *checks]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_results_are_kept_check_after_check(tmp_path):
    status, said = gpu(tmp_path, "agreement", "neighbours")
    assert status == 0, said
    file = tmp_path / "results.json"
    [(machine, found)] = json.loads(file.read_text()).items()
    assert found["neighbours"]["differing"] == found["agreement"]["fp32, mean difference"] == 0
    assert 0 < found["agreement"]["bf16, mean difference"] < 0.01
    found["neighbours"]["differing"] = 7  # as if measured before
    file.write_text(json.dumps({machine: found}))
    status, said = gpu(tmp_path, "neighbours", "numbers")
    assert status == 0, said
    [(_, now)] = json.loads(file.read_text()).items()
    assert list(now) == ["agreement", "neighbours", "numbers"]
    assert now["neighbours"] == found["neighbours"]
    assert (tmp_path / "table.md").read_text() in said
    assert "a trial on small photos" in machine
    assert f"| {machine} | |\n" in said and "| neighbours: differing | 7 |\n" in said


@pytest.mark.parametrize("name", ["graphs", "half_precision", "two_gpus"])
def test_what_needs_a_gpu_says_so(name):
    found = CHECKS[name](Bench(torch.device("cpu")))
    assert list(found) == ["left out"]


def test_steps_of_one_device_are_those_of_the_other():
    found = CHECKS["first_steps"](Bench(torch.device("cpu")))
    losses = [value for name, value in found.items() if name.endswith("loss")]
    assert len(set(losses)) == 4
    assert found["largest relative difference"] == 0


@pytest.mark.parametrize("text", ["mine", "[]", "null"])
def test_another_file_in_place_of_results_is_kept(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    status, said = gpu(tmp_path, "neighbours")
    assert status == 2 and "no JSON" in said
    assert (tmp_path / "results.json").read_text() == text
