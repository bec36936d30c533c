"""A run overfits a handful of drawn portraits, and so does each term of the loss alone."""

import sys

import numpy as np
import pytest
import torch

import train
from DemoData.generate import generate
from engine.distributed import Processes, seed_run
from engine.training.arguments import parse_arguments
from engine.training.data import make_batches, open_training_set
from engine.training.optimisation import make_state, set_training
from engine.training.step import train_step
from models import CONFIGS, build_model
from models.losses import LOSSES
from tests.engine.tiny_run import TINY, command
from tests.engine.training.test_loop import losses

ALONE = Processes(0, 1, torch.device("cpu"))
OPTIONS = {"lr": 3e-3, "weight_decay": 0, "augmentation": "V1", "precision": "fp32"}


@pytest.fixture(scope="module")
def portraits(tmp_path_factory):
    """Four drawn portraits as P3M-10K has them."""
    root = tmp_path_factory.mktemp("drawn")
    generate(root, num_train=4, num_test=0, size=128, seed=0, num_workers=0, kinds=["bust"])
    return root


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(CONFIGS, "tiny", TINY)
    yield
    torch.use_deterministic_algorithms(False)


def test_a_run_overfits_a_handful_of_portraits(portraits, tmp_path, monkeypatch):
    options = OPTIONS | {"batch_size": 4, "max_steps": 60, "save_every": 60}
    words = command(portraits, tmp_path / "run", **options)
    monkeypatch.setattr(sys, "argv", ["train.py", *words])
    assert train.main() == 0
    curve = list(losses(tmp_path / "run")["loss/total"].values())
    assert np.mean(curve[-5:]) < 0.6 * np.mean(curve[:5])


@pytest.mark.parametrize("term", LOSSES)
def test_each_term_falls_by_its_own_gradient(portraits, tmp_path, term):
    """The others count for nothing here: together with them it might fall by theirs."""
    weights = [f"{name}={int(name == term)}" for name in LOSSES]
    words = command(portraits, tmp_path / "run", **OPTIONS, loss_weights=weights, max_steps=1)
    settings = parse_arguments("", words)
    seed_run(0, ALONE.device)
    model = build_model(TINY)
    state = make_state(model, settings.optimisation, ALONE.device)
    set_training(model, settings.network)
    batch = list(make_batches(open_training_set(settings), settings, ALONE, 0))
    values = [
        float(train_step(state, model, batch, settings, ALONE).losses[term]) for _ in range(20)
    ]
    assert values[-1] < 0.7 * values[0]


@torch.no_grad()
def test_the_average_of_the_weights_reads_no_count_from_the_device(portraits, tmp_path):
    words = command(portraits, tmp_path / "run", **OPTIONS, ema=0.9)
    averaged = make_state(
        build_model(TINY), parse_arguments("", words).optimisation, ALONE.device
    ).averaged
    averaged.n_averaged.fill_(10)
    weights = torch.zeros(3)
    averaged.multi_avg_fn([weights], [torch.ones(3)], torch.empty((), device="meta"))
    torch.testing.assert_close(weights, torch.full((3,), 1 - 11 / 20))
