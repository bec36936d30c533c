"""Replaying functions: what is recorded when, and on a GPU that nothing changes by it."""

import copy
from types import SimpleNamespace

import pytest
import torch

from models import MattingConfig, build_model, graphs, prepare
from models.graphs import Graphs
from models.inference import replay

SMALL = MattingConfig(
    embed_dim=8, depths=(1, 1, 2, 1), num_heads=(1, 1, 1, 1), decoder_widths=(8, 8, 8)
)


class FakeRecording:
    """Remembers after what it was replayed."""

    def __init__(self, function, inputs, beside):
        self.kind = (function, *(x.shape for x in inputs))
        self.done = SimpleNamespace(synchronize=lambda: None)

    def __call__(self, inputs, after):
        assert self.kind[1:] == tuple(x.shape for x in inputs)
        self.after = after
        return "replayed"


@pytest.fixture
def calls(monkeypatch):
    """Call one function for each of the given sizes."""
    monkeypatch.setattr(graphs, "Recording", FakeRecording)
    return lambda replaying, *sizes: [replaying(compute, torch.empty(size)) for size in sizes]


def compute(x):
    return "computed"


def compute_else(x):
    return "computed"


def test_a_kind_is_replayed_from_its_second_time_on(calls):
    assert calls(Graphs(), 1, 2, 1, 1, 2) == ["computed"] * 2 + ["replayed"] * 3


def test_the_least_recently_used_recording_is_dropped(calls):
    replaying = Graphs()
    full = range(1, 1 + replaying.max_recordings)
    calls(replaying, *full, *full, 1)
    calls(replaying, 100, 100)
    assert len(replaying.recordings) == replaying.max_recordings
    assert (compute, ((1,), (1,), torch.float32)) in replaying.recordings
    assert (compute, ((2,), (1,), torch.float32)) not in replaying.recordings


def test_what_was_seen_once_pushes_nothing_out(calls):
    replaying = Graphs()
    calls(replaying, 1, 1, *range(2, 50))
    assert calls(replaying, 1) == ["replayed"]


def test_large_inputs_are_never_recorded(calls):
    replaying = Graphs()
    replaying.max_numbers = 10
    assert calls(replaying, 11, 11, 11) == ["computed"] * 3
    assert not replaying.seen


def test_a_failure_makes_room_and_leaves_out_its_kind_alone(calls, monkeypatch):
    replaying = Graphs()
    calls(replaying, 1, 1)

    def fail(function, inputs, beside):
        raise RuntimeError("capture refused")

    with monkeypatch.context() as broken:
        broken.setattr(graphs, "Recording", fail)
        with pytest.warns(
            UserWarning, match=r"no CUDA graph for inputs of \(2,\): capture"
        ) as told:
            assert calls(replaying, 2, 2, 2) == ["computed"] * 3
    assert len(told) == 1
    assert not replaying.recordings
    assert calls(replaying, 2, 1) == ["computed", "replayed"]


def test_every_replay_waits_for_the_one_before_whatever_its_kind(calls):
    replaying = Graphs()
    for function in (compute, compute_else):
        for _ in range(2):
            replaying(function, torch.empty(1))
    first, second = replaying.recordings.values()
    assert first.after is None
    assert second.after is first.done
    replaying(compute, torch.empty(1))
    assert first.after is second.done


def test_copies_begin_without_recordings_and_share_their_graphs(calls):
    network = replay(prepare(build_model(SMALL), "fp32"), Graphs())
    calls(network.coarse_network.graphs, 1, 1)
    other = copy.deepcopy(network)
    assert not other.coarse_network.graphs.recordings
    assert other.coarse_network.graphs is other.refinement_network.graphs


def test_a_cpu_has_no_graphs():
    assert prepare(build_model(SMALL)).refinement_network.graphs is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA: graphs can't be replayed")
def test_replaying_gives_what_computing_gives():
    torch.manual_seed(0)
    model = build_model(SMALL).cuda()
    computed, replayed = (prepare(model, "fp32", cuda_graphs=use) for use in (False, True))
    with torch.inference_mode():
        for _ in range(4):
            image = torch.rand(2, 3, 256, 384, device="cuda")
            torch.testing.assert_close(replayed(image).alpha, computed(image).alpha)
    assert len(replayed.coarse_network.graphs.recordings) >= 2
