"""What decides a network's numbers is set and told."""

import torch

from engine.evaluation.sources import open_network
from models import CONFIGS, build_model
from models.checkpoint import save_checkpoint


def test_threads_and_arithmetic_are_fixed(tmp_path, monkeypatch):
    """torchrun gives each process one thread, and other bits come of it."""
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    threads = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    save_checkpoint(tmp_path / "a.pth", build_model(CONFIGS["demo"]))
    settings, source = open_network(
        tmp_path / "a.pth",
        torch.device("cpu"),
        num_threads=3,
        protocol="pad",
        max_area=None,
        paper_area=None,
        precision="fp32",
        with_coarse=False,
    )
    assert threads == [3]
    assert source.model.folded  # once for all photos
    assert settings["num_threads"] == 3
    assert torch.backends.cudnn.deterministic
    assert len(settings["checkpoint_sha256"]) == 64
