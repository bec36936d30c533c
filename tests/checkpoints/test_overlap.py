import sys

import numpy as np
import pytest
import torch

from checkpoints import overlap
from models import build_model
from models.checkpoint import save_checkpoint
from tests.engine.tiny_run import TINY
from utils.images import write_image


def test_overlap_is_shared_over_covered_pixels():
    a, b = np.zeros((4, 4)), np.zeros((4, 4))
    assert overlap.overlap(a, b) == 1
    a[:2], b[1:3] = 0.9, 0.6
    assert overlap.overlap(a, b) == pytest.approx(1 / 3)
    assert overlap.overlap(a, a) == 1
    assert overlap.overlap(a, 0.5 * a) == 0


@pytest.mark.parametrize("truth", ["alpha", "matte"])
def test_a_line_a_portrait_and_their_mean(truth, tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    for name in ("ann", "bob"):
        write_image(tmp_path / f"image/{name}.png", rng.integers(0, 256, (90, 70, 3), np.uint8))
        write_image(tmp_path / f"{truth}/{name}.png", np.full((90, 70), 255, np.uint8))
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "a.pth", build_model(TINY))
    words = ["--checkpoint", tmp_path / "a.pth", "--portraits", tmp_path]
    monkeypatch.setattr(sys, "argv", ["overlap", *map(str, words)])
    overlap.main()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [line[0] for line in lines] == ["ann", "bob", "mean"]
    values = np.array([line[1:] for line in lines], float)
    assert values.shape == (3, 4)
    assert values[:2].mean(axis=0) == pytest.approx(values[2], abs=1e-3)
