"""What a GPU does otherwise when it refines: buckets, and nothing that waits for the host.

Shown on the CPU, where `buckets` is off by itself, by what is called and how often.
"""

from collections import Counter
from contextlib import suppress

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engine.profiling.profile import forced_cells, portrait_maps
from models import CONFIGS, MattingConfig, build_model, graphs, prepare, refinement
from models.graphs import Graphs
from models.inference import replay
from models.refinement import bucket

SMALL = MattingConfig(
    embed_dim=8, depths=(1, 1, 2, 1), num_heads=(1, 1, 1, 1), decoder_widths=(8, 8, 8)
)
READS = ("_local_scalar_dense", "item", "nonzero", "masked_select", "bincount", "is_nonzero")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = build_model(SMALL).eval()
    torch.nn.init.normal_(model.refinement_network.attention.position_bias)
    return model


def with_buckets(network):
    network.refinement_network.buckets = True
    network.refinement_network.max_regions_per_chunk = 16_384  # as folding.py sets it for GPUs
    return network


def test_buckets_are_few_and_none_is_a_quarter_too_large():
    sizes = {count: bucket(count) for count in range(1, 20_000)}
    assert len(set(sizes.values())) == 22
    assert all(count <= size < max(513, 1.25 * count) for count, size in sizes.items())


@torch.inference_mode()
def test_few_numbers_of_regions_reach_the_encoder_and_all_are_exact(model, monkeypatch):
    network = with_buckets(prepare(model, "fp32"))
    exact = prepare(model, "fp32")
    encode, sizes = network.refinement_network.encode, []

    class EnoughError(Exception):
        """Spares the time of a refinement whose result is not looked at."""

    def noted(image, coarse_alpha, cells):
        sizes.append(len(cells))
        if len(sizes) % 4:
            raise EnoughError
        return encode(image, coarse_alpha, cells)

    monkeypatch.setattr(network.refinement_network, "encode", noted)
    image, alpha = torch.rand(2, 3, 256, 256), torch.rand(2, 1, 32, 32)
    for seed in range(100):
        random = torch.Generator().manual_seed(seed)
        share = 0.01 + 0.99 * torch.rand((), generator=random) ** 3
        cells = (torch.rand(2, 32, 32, generator=random) < share).nonzero()
        with suppress(EnoughError):
            found = network.refine_cells(image, alpha, cells)
            wanted = exact.refine_cells(image, alpha, cells)
            torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
    assert len(sizes) == 100
    assert set(sizes) <= {512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048}
    assert len(set(sizes)) > 4


@torch.inference_mode()
@pytest.mark.parametrize("chunk", [256, 16_384])
def test_many_lone_cells_and_many_regions_are_exact_too(model, monkeypatch, chunk):
    network = with_buckets(prepare(model, "fp32"))
    network.refinement_network.max_regions_per_chunk = chunk
    image, alpha = torch.rand(1, 3, 1024, 1024), torch.rand(1, 1, 128, 128)
    grid = torch.zeros(1, 128, 128, dtype=torch.bool)
    grid[:, 3::12, 5::12] = True  # 121 cells, none of them with eight others within ten cells
    wanted = prepare(model, "fp32").refine_cells(image, alpha, grid.nonzero())
    searches = []
    nearest = refinement.nearest_cells
    monkeypatch.setattr(
        refinement, "nearest_cells", lambda *args: searches.append(args) or nearest(*args)
    )
    found = network.refine_cells(image, alpha, grid.nonzero())
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
    assert len(searches) == 1


@torch.inference_mode()
def test_without_attention_buckets_change_nothing():
    config = MattingConfig(
        embed_dim=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), cross_region_attention=False
    )
    model = build_model(config).eval()
    image, alpha = torch.rand(1, 3, 128, 128), torch.rand(1, 1, 16, 16)
    cells = (torch.rand(1, 16, 16) < 0.4).nonzero()
    found = with_buckets(prepare(model, "fp32")).refine_cells(image, alpha, cells)
    torch.testing.assert_close(found, prepare(model, "fp32").refine_cells(image, alpha, cells))


class Launches(TorchDispatchMode):
    """Counts what a GPU would compute or the host would wait for; views cost neither."""

    def __init__(self):
        super().__init__()
        self.names = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        answers = function._schema.returns
        view = any(answer.alias_info and not answer.alias_info.is_write for answer in answers)
        if not view:
            self.names[function._schema.name.removeprefix("aten::")] += 1
        return function(*args, **(kwargs or {}))

    @property
    def reads(self):
        return sum(self.names[name] for name in READS)


def test_an_hd_photo_is_read_from_twice_and_launched_in_few_pieces(monkeypatch):
    """Graphs stand for one launch each; their recording is not to be read from at all."""
    mode = Launches()

    class OneLaunch:
        def __init__(self, function, inputs, beside):
            self.function, self.done = function, None

        def __call__(self, inputs, after):
            names, mode.names = mode.names, Counter()
            answer = self.function(*inputs)
            assert not mode.reads, mode.names
            mode.names = names
            mode.names["replay"] += 1
            return answer

    monkeypatch.setattr(graphs, "Recording", OneLaunch)
    torch.manual_seed(0)
    network = replay(with_buckets(prepare(build_model(CONFIGS["demo"]), "fp32")), Graphs())
    image = torch.rand(1, 3, 1152, 1920)  # 1920x1080, padded
    with torch.no_grad(), forced_cells(network, *portrait_maps((144, 240), 7)):
        for _ in range(2):
            network(image)
        mode.names.clear()
        with mode:
            output = network(image)
    assert len(output.cells) == round(0.07 * 144 * 240)
    assert mode.names["replay"] == 2
    assert mode.reads <= 2, mode.names
    assert mode.names.total() <= 60, mode.names
