"""What decides a network's numbers is set and told."""

import torch

from engine.sources import open_network
from models import CONFIGS, build_model
from models.checkpoint import save_checkpoint


def test_threads_and_arithmetic_are_fixed(tmp_path, monkeypatch):
    """torchrun gives each process one thread, and other bits come of it."""
    for name in ("deterministic", "allow_tf32"):
        monkeypatch.setattr(torch.backends.cudnn, name, getattr(torch.backends.cudnn, name))
    threads = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    save_checkpoint(tmp_path / "a.pth", build_model(CONFIGS["demo"]))
    settings, _ = open_network(
        tmp_path / "a.pth",
        torch.device("cpu"),
        num_threads=3,
        protocol="pad",
        max_area=None,
        precision="fp32",
        with_coarse=False,
    )
    assert threads == [3]
    assert settings["num_threads"] == 3
    assert not torch.backends.cudnn.allow_tf32
    assert len(settings["checkpoint_sha256"]) == 64
