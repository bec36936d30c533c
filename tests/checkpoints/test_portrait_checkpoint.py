"""The file that ships is the one its card describes, and it knows a person when it sees one."""

import re
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch

from DemoData.generate import generate
from engine.prediction.predictors import load_predictor
from models import CONFIGS, load_model, predict_alpha
from models.checkpoint import DEFAULT_CHECKPOINT, read_checkpoint
from utils.images import read_alpha, read_photo

CARD = (DEFAULT_CHECKPOINT.parent / "README.md").read_text(encoding="utf-8")


def test_the_card_states_its_sha256_and_size():
    content = DEFAULT_CHECKPOINT.read_bytes()
    assert sha256(content).hexdigest() in CARD
    assert len(content) <= 16e6
    [size] = re.findall(r"([\d.]+) MB", CARD)[:1]
    assert float(size) == pytest.approx(len(content) / 1e6, abs=0.05)


def test_it_holds_the_portrait_network_in_half_precision():
    checkpoint = read_checkpoint(DEFAULT_CHECKPOINT)
    model = load_model(DEFAULT_CHECKPOINT)
    assert model.config == CONFIGS["portrait"]
    floats = [x for x in checkpoint["model"].values() if x.is_floating_point()]
    assert all(x.dtype == torch.float16 for x in floats)
    assert str(checkpoint["step"]) in CARD.replace(",", "")
    assert model.max_area == checkpoint["max_area"]


def test_it_is_what_runs_when_none_is_named_and_says_what_it_is():
    _, about = load_predictor(None, device=None, precision="fp32")
    assert DEFAULT_CHECKPOINT.name in about
    assert "can't do" in about


def test_it_finds_the_people_of_portraits_that_it_has_never_seen(tmp_path: Path):
    generate(tmp_path, num_train=0, num_test=4, size=256, seed=977, num_workers=0)
    model = load_model(DEFAULT_CHECKPOINT)
    folder = tmp_path / "P3M-10K/validation/P3M-500-NP"
    shares, errors = [], []
    for path in sorted((folder / "original_image").iterdir()):
        true = read_alpha(folder / f"mask/{path.stem}.png") / np.float32(255)
        alpha = predict_alpha(model, read_photo(path), precision="fp32")
        both, either = (true > 0.5) & (alpha > 0.5), (true > 0.5) | (alpha > 0.5)
        shares.append(both.sum() / either.sum())
        errors.append(np.abs(true - alpha).mean())
    assert np.mean(shares) > 0.85
    assert np.mean(errors) < 0.08
