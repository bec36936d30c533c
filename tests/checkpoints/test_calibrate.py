"""checkpoints/calibrate.py: what changes of the coarse network, and that nothing else does."""

import sys

import pytest
import torch

from checkpoints import calibrate
from models import build_model, load_model
from models.checkpoint import save_checkpoint
from tests.engine.tiny_run import TINY
from utils.errors import InputError


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A checkpoint, and what its calibration is to be; sets the command line."""
    save_checkpoint(tmp_path / "in.pth", build_model(TINY), step=7, max_area=65536)
    words = "calibrate --checkpoint in.pth --unknown 2 --slope 1.5 --output out.pth"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", words.split())
    return tmp_path / "in.pth", tmp_path / "out.pth"


@torch.no_grad()
def test_only_the_finest_logits_change_and_as_told(files):
    calibrate.main()
    before, after = map(load_model, files)
    image = torch.rand(2, 3, 128, 256, generator=torch.Generator().manual_seed(1))
    old, new = before.coarse(image), after.coarse(image)
    for level in (0, 1):
        assert torch.equal(old.alpha_logits[level], new.alpha_logits[level])
        assert torch.equal(old.trimap_logits[level], new.trimap_logits[level])
    torch.testing.assert_close(new.alpha_logits[2], old.alpha_logits[2] * 1.5)
    change = new.trimap_logits[2] - old.trimap_logits[2]
    torch.testing.assert_close(change[:, 1], torch.full_like(change[:, 1], 2.0), rtol=0, atol=1e-5)
    assert change[:, ::2].abs().max() == 0
    assert after.max_area == before.max_area == 65536
    theirs = after.state_dict()
    changed = {k for k, v in before.state_dict().items() if not torch.equal(v, theirs[k])}
    assert {name.rsplit(".", 2)[0] for name in changed} == {
        "coarse_network.alpha_heads",
        "coarse_network.trimap_heads",
    }


def test_a_file_that_is_there_is_kept(files):
    files[1].write_text("mine")
    with pytest.raises(InputError, match=r"out\.pth is there already.*--overwrite"):
        calibrate.main()
    assert files[1].read_text() == "mine"
