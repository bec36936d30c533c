"""checkpoints/pack.py: what becomes of a run's newest checkpoint."""

import sys
from hashlib import sha256

import pytest
import torch

from checkpoints import pack
from models import build_model, load_model
from models.checkpoint import read_checkpoint, save_checkpoint
from tests.engine.tiny_run import TINY
from utils.errors import InputError


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_the_averaged_weights_ship_in_half_precision(ending, tmp_path, monkeypatch, capsys):
    model, averaged = build_model(TINY), build_model(TINY)
    save_checkpoint(
        tmp_path / "run/logger/0000000040.pth", model, ema=averaged.state_dict(), step=40
    )
    output = tmp_path / f"small{ending}"
    words = ["pack", "--train_dir", tmp_path / "run", "--output", output, "--max_area", 4096]
    monkeypatch.setattr(sys, "argv", [str(word) for word in words])
    pack.main()
    assert sha256(output.read_bytes()).hexdigest() in capsys.readouterr().out
    entries = read_checkpoint(output)
    kinds = {value.dtype for value in entries["model"].values() if value.is_floating_point()}
    assert kinds == {torch.float16}
    assert entries["step"] == 40
    shipped = load_model(output)
    assert shipped.max_area == 4096
    for name, value in averaged.state_dict().items():
        torch.testing.assert_close(shipped.state_dict()[name], value, rtol=1e-3, atol=1e-4)
    with pytest.raises(InputError, match=r"small\..* is there already.*--overwrite"):
        pack.main()
