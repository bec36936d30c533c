"""Whole runs of train.py on a tiny network and tiny data, in this process or a forked one."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import train
from models import CONFIGS
from models.checkpoint import read_checkpoint
from tests.engine.tiny_run import TINY, command
from utils.images import write_image

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def data_root(tmp_path_factory):
    """Three portraits in P3M-10K's layout, one of them for validation too."""
    root = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for split, names in {"train": "abc", "validation/P3M-500-P": "c"}.items():
        folder = root / "P3M-10K" / split
        for name in names:
            alpha = np.zeros((128, 128), np.uint8)
            alpha[30:110, 40:80] = 255
            alpha[30:110, 80:90] = random.integers(256, size=(80, 10))
            foreground, background = random.integers(256, size=(2, 128, 128, 3)).astype(np.uint8)
            a = alpha[..., None] / 255
            image = np.round(a * foreground + (1 - a) * background).astype(np.uint8)
            write_image(folder / "blurred_image" / f"{name}.png", image)
            write_image(folder / "mask" / f"{name}.png", alpha)
            if split == "train":
                write_image(folder / "fg" / f"{name}.png", foreground)
                write_image(folder / "bg" / f"{name}.png", background)
            else:
                trimap = np.where((alpha > 0) & (alpha < 255), 128, alpha)
                write_image(folder / "trimap" / f"{name}.png", trimap.astype(np.uint8))
    return root


@pytest.fixture
def run(data_root, monkeypatch):
    """Call train.py's main in this process, with the options of tiny_run.command."""
    monkeypatch.setitem(CONFIGS, "tiny", TINY)

    def call(train_dir, **options):
        monkeypatch.setattr(sys, "argv", ["train.py", *command(data_root, train_dir, **options)])
        return train.main()

    yield call
    torch.use_deterministic_algorithms(False)


def start(data_root, train_dir, *, launcher=(), **options):
    """The same in a process of its own."""
    words = [*launcher, HERE / "tiny_run.py", *command(data_root, train_dir, **options)]
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)


def curves(train_dir):
    """{name: {step: value}} of a run, as TensorBoard shows it."""
    events = EventAccumulator(str(train_dir / "logger"), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: {e.step: e.value for e in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def losses(train_dir):
    return {name: curve for name, curve in curves(train_dir).items() if name.startswith("loss/")}


def assert_same(a, b):
    """Bit for bit, through all levels."""
    assert type(a) is type(b)
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list | tuple):
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    else:
        assert a == b


def final(train_dir, step=6):
    checkpoint = read_checkpoint(train_dir / "logger" / f"{step:010d}.pth")
    del checkpoint["arguments"]
    return checkpoint


def test_killed_and_resumed_equals_unbroken(run, data_root, tmp_path):
    options = {"ema": 0.9, "clip": 1.0, "accumulate": 2, "num_workers": 1}
    assert run(tmp_path / "whole", **options) == 0

    process = start(data_root, tmp_path / "killed", **options, max_steps=10**6)
    wait_for(tmp_path / "killed/logger/0000000003.pth", process)
    process.kill()
    process.communicate()
    for later in sorted((tmp_path / "killed/logger").glob("0*.pth"))[1:]:
        later.unlink()  # it may have run on before the signal came

    assert run(tmp_path / "killed", **options, resume=True, max_steps=6) == 0
    assert_same(final(tmp_path / "killed"), final(tmp_path / "whole"))
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")


def test_a_larger_max_steps_goes_on_as_if_it_had_been_so_at_first(run, tmp_path):
    run(tmp_path / "whole", lr_steps=[2, 5])
    run(tmp_path / "two", lr_steps=[2, 5], max_steps=3)
    run(tmp_path / "two", lr_steps=None, lr=None, resume=True, max_steps=6)
    assert_same(final(tmp_path / "two"), final(tmp_path / "whole"))
    assert curves(tmp_path / "two")["train/learning_rate"] == pytest.approx(
        {1: 1e-3, 2: 1e-3, 3: 1e-4, 4: 1e-4, 5: 1e-4, 6: 1e-5}, rel=1e-5
    )
