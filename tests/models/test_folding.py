"""What inference runs is the same function as what training trains."""

import copy
from dataclasses import replace

import pytest
import torch

from models import MattingConfig, build_model
from models.folding import fold_for_inference
from models.regions import select_cells

SMALL = MattingConfig(
    embed_dim=16, depths=(2, 1, 2, 1), num_heads=(1, 1, 2, 2), decoder_widths=(8, 8, 8)
)


@pytest.fixture(scope="module")
def model():
    return randomised(SMALL)


def randomised(config):
    """A network whose norms and biases are no longer those of an untrained one."""
    torch.manual_seed(0)
    model = build_model(config)
    for name, value in {**dict(model.named_parameters()), **dict(model.named_buffers())}.items():
        if name.endswith(("running_mean", "bias", "bias_table")):
            torch.nn.init.normal_(value.data, std=0.3)
        elif name.endswith("running_var"):
            torch.nn.init.uniform_(value.data, 0.5, 2)
    return model.eval()


@torch.no_grad()
@pytest.mark.parametrize("stem", [None, (4, 8, 8)])
def test_folded_network_gives_the_same_numbers(stem):
    model = randomised(replace(SMALL, stem_widths=stem))
    folded = fold_for_inference(model)
    image = torch.rand(2, 3, 256, 384)
    ours, theirs = model.coarse(image), folded.coarse(image)
    for trained, (alone,) in zip(ours, theirs, strict=True):  # the other levels are not computed
        torch.testing.assert_close(trained[-1], alone, rtol=0, atol=1e-5)
    coarse_alpha = torch.rand(2, 1, 32, 48)
    cells = select_cells(torch.rand(2, 3, 32, 48))
    before = model.refine_cells(image, coarse_alpha, cells)
    after = folded.refine_cells(image, coarse_alpha, cells)
    torch.testing.assert_close(before, after, rtol=0, atol=1e-5)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())


@torch.no_grad()
@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])
def test_chunks_do_not_change_the_result(model, share, monkeypatch):
    image, coarse_alpha = torch.rand(2, 3, 128, 256), torch.rand(2, 1, 16, 32)
    cells = (torch.rand(2, 16, 32) < share).nonzero()
    whole = model.refine_cells(image, coarse_alpha, cells)
    for chunk in (1, 7, 100):
        monkeypatch.setattr(model.refinement_network, "max_regions_per_chunk", chunk)
        parts = model.refine_cells(image, coarse_alpha, cells)
        torch.testing.assert_close(parts, whole, rtol=0, atol=1e-5)


@torch.no_grad()
def test_few_regions_are_in_flight(model, monkeypatch):
    """Memory is bounded: encoded chunks wait only until their neighbours are encoded."""
    network = model.refinement_network
    monkeypatch.setattr(network, "max_regions_per_chunk", 64)
    waiting, most = 0, 0
    encode, decode = network.encode, network.decode

    def count_encode(*args):
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        return encode(*args)

    def count_decode(*args):
        nonlocal waiting
        waiting -= 1
        return decode(*args)

    monkeypatch.setattr(network, "encode", count_encode)
    monkeypatch.setattr(network, "decode", count_decode)
    cells = torch.ones(1, 32, 48).nonzero()  # 24 chunks
    model.refine_cells(torch.rand(1, 3, 256, 384), torch.rand(1, 1, 32, 48), cells)
    assert waiting == 0
    assert most <= 6


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_not_touched(training):
    model = randomised(SMALL).train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fold_for_inference(model)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(module.training == training for module in model.modules())
    assert all(p.requires_grad for p in model.parameters())
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules())
    assert not model.coarse_network.backbone.folded


def test_batch_norms_of_several_processes_are_folded_too(model):
    shared = torch.nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(model))
    found, wanted = (fold_for_inference(each).state_dict() for each in (shared, model))
    assert list(found) == list(wanted)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
