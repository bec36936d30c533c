"""Replaying the coarse network: what is recorded when, and on a GPU that nothing changes by it."""

import copy
from types import SimpleNamespace

import pytest
import torch

from models import MattingConfig, build_model, graphs, prepare
from models.graphs import ReplayedNetwork

SMALL = MattingConfig(
    embed_dim=8, depths=(1, 1, 2, 1), num_heads=(1, 1, 1, 1), decoder_widths=(8, 8, 8)
)


class OnGPU:
    """Stands in for an image on a GPU, as far as ReplayedNetwork looks at one."""

    is_cuda, dtype = True, torch.float32

    def __init__(self, height):
        self.shape = (1, 3, height, 128)

    def stride(self):
        return self.shape


class FakeRecording:
    def __init__(self, network, image):
        self.size = image.shape
        self.done = SimpleNamespace(synchronize=lambda: None)

    def __call__(self, image):
        assert image.shape == self.size
        return "replayed"


@pytest.fixture
def network(monkeypatch):
    monkeypatch.setattr(graphs, "Recording", FakeRecording)
    return ReplayedNetwork(torch.nn.Module())


def calls(network, *heights):
    network.network.forward = lambda image: "computed"
    return [network(OnGPU(height)) for height in heights]


def test_a_kind_is_replayed_from_its_second_time_on(network):
    assert calls(network, 128, 256, 128, 128, 256) == ["computed"] * 2 + ["replayed"] * 3


def test_the_least_recently_used_recording_is_dropped(network):
    calls(network, 128, 128, 256, 256, 384, 384, 128)
    calls(network, 512, 512)
    assert len(network.recordings) == network.max_recordings
    assert calls(network, 128, 384, 256) == ["replayed", "replayed", "computed"]


def test_large_inputs_and_cpus_are_never_recorded(network):
    assert calls(network, 100_000, 100_000, 100_000) == ["computed"] * 3
    assert not network.recordings


def test_a_failure_is_told_once_and_the_network_still_runs(network, monkeypatch):
    def fail(network, image):
        raise RuntimeError("capture refused")

    monkeypatch.setattr(graphs, "Recording", fail)
    with pytest.warns(UserWarning, match="without CUDA graphs: capture refused") as told:
        assert calls(network, 128, 128, 128, 128) == ["computed"] * 4
    assert len(told) == 1


def test_copies_begin_without_recordings(network):
    calls(network, 128, 128)
    del network.network.forward
    assert not copy.deepcopy(network).recordings


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA: graphs can't be replayed")
def test_replaying_gives_what_computing_gives():
    torch.manual_seed(0)
    network = prepare(build_model(SMALL).cuda(), "fp32")
    images = [torch.rand(2, 3, 256, 384, device="cuda") for _ in range(4)]
    with torch.inference_mode():
        wanted = [network.coarse_network.network(image) for image in images]
        found = [network.coarse(image) for image in images]
    assert any(network.coarse_network.recordings.values())
    for one, other in zip(wanted, found, strict=True):
        torch.testing.assert_close(one, other)
