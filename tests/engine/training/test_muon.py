"""Muon: what one step does to matrices, and that everything else is Adam's."""

import copy

import pytest
import torch
from torch import nn

from engine.training.arguments import Optimisation
from engine.training.optimisation import make_optimizer, orthogonalise
from models import CONFIGS, build_model

RATE = 1e-2


def settings(**changes):
    return Optimisation(**{"optimizer": "muon", "lr": RATE, "weight_decay": 0.0} | changes)


@pytest.fixture
def network():
    """A convolution and a linear layer for Muon, a first layer and norms for Adam."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3),
        nn.BatchNorm2d(16),
        nn.Conv2d(16, 32, 3),
        nn.Flatten(),
        nn.Linear(32, 24),
    )


def step(network, optimizer, scale=1.0):
    optimizer.zero_grad()
    images = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(1))
    (network(images).square().mean() * scale).backward()
    optimizer.step()


@pytest.mark.parametrize("shape", [(16, 16), (16, 90), (200, 24)])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e6])
def test_orthogonalising_keeps_singular_vectors_and_levels_singular_values(shape, scale):
    torch.manual_seed(2)
    u, _, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    values = torch.linspace(0.05, 1, min(shape)) * scale
    [result] = orthogonalise(((u * values) @ v)[None])
    levelled = u.mT @ result @ v.mT  # diagonal, if the vectors stayed
    diagonal = levelled.diagonal()
    assert diagonal.min() > 0.6 and diagonal.max() < 1.3
    assert (levelled - diagonal.diag()).abs().max() < 0.1


def test_nothing_comes_of_nothing():
    assert not orthogonalise(torch.zeros(2, 16, 20)).any()


def test_matrices_of_one_shape_are_levelled_each_by_itself():
    torch.manual_seed(4)
    matrices = torch.randn(3, 20, 30) * torch.tensor([1e-6, 1.0, 1e6]).view(3, 1, 1)
    for together, matrix in zip(orthogonalise(matrices), matrices, strict=True):
        torch.testing.assert_close(together, orthogonalise(matrix[None])[0], atol=0.02, rtol=0.02)


def test_it_goes_on_for_a_while_where_the_gradients_pointed(network):
    optimizer = make_optimizer(dict(network.named_parameters()), settings())
    step(network, optimizer)
    after_one = network[4].weight.detach().clone()
    step(network, optimizer, scale=0.0)
    assert (network[4].weight - after_one).square().mean().sqrt() > 0.02 * RATE


def test_a_step_has_the_size_of_adams_whatever_the_gradients_scale(network):
    for scale in (1e-4, 1.0, 1e4):
        trained = copy.deepcopy(network)
        step(trained, make_optimizer(dict(trained.named_parameters()), settings()), scale)
        for index in (2, 4):
            change = trained[index].weight - network[index].weight
            rank = min(change.flatten(1).shape)
            # 0.2 of the rate where the matrix has full rank and can be turned in all directions
            assert 0.02 * RATE < change.square().mean().sqrt() < 0.3 * RATE, rank


def test_what_is_no_inner_matrix_moves_by_adam(network):
    theirs = copy.deepcopy(network)
    mine, adam = (
        make_optimizer(dict(net.named_parameters()), settings(optimizer=name, weight_decay=1e-3))
        for net, name in ((network, "muon"), (theirs, "adam"))
    )
    step(network, mine)
    step(theirs, adam)
    for index, name in ((0, "weight"), (0, "bias"), (1, "weight"), (2, "bias"), (4, "bias")):
        a, b = getattr(network[index], name), getattr(theirs[index], name)
        torch.testing.assert_close(a, b)
    assert not torch.allclose(network[2].weight, theirs[2].weight)


def test_weights_shrink_by_the_decay(network):
    decayed = copy.deepcopy(network)
    step(network, make_optimizer(dict(network.named_parameters()), settings()))
    before = decayed[4].weight.detach().clone()
    step(decayed, make_optimizer(dict(decayed.named_parameters()), settings(weight_decay=0.5)))
    torch.testing.assert_close(decayed[4].weight, network[4].weight - RATE * 0.5 * before)


def test_a_frozen_matrix_stays(network):
    network[2].requires_grad_(False)
    before = network[2].weight.clone()
    optimizer = make_optimizer(dict(network.named_parameters()), settings())
    step(network, optimizer)
    assert torch.equal(network[2].weight, before)


def test_it_goes_on_exactly_from_its_saved_state(network, tmp_path):
    optimizer = make_optimizer(dict(network.named_parameters()), settings())
    step(network, optimizer)
    torch.save((network.state_dict(), optimizer.state_dict()), tmp_path / "saved.pth")
    weights, state = torch.load(tmp_path / "saved.pth", weights_only=True)
    other = copy.deepcopy(network)
    other.load_state_dict(weights)
    resumed = make_optimizer(dict(other.named_parameters()), settings())
    resumed.load_state_dict(state)
    for _ in range(2):
        step(network, optimizer)
        step(other, resumed)
    for a, b in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_it_levels_what_adam_follows_slowly():
    """A linear map from inputs of very unequal size: the weak directions are learned too."""
    left = {}
    for name in ("adam", "muon"):
        torch.manual_seed(3)
        layer = nn.Linear(32, 32, bias=False)
        mix, goal = torch.linalg.qr(torch.randn(32, 32))[0], torch.randn(32, 32) / 6
        inputs = torch.randn(256, 32) * torch.logspace(0, -2, 32) @ mix
        optimizer = make_optimizer(dict(layer.named_parameters()), settings(optimizer=name))
        for number in range(200):
            for group in optimizer.param_groups:
                group["lr"] = 0.05 * (1 - number / 200)
            optimizer.zero_grad()
            (layer(inputs) - inputs @ goal).square().mean().backward()
            optimizer.step()
        left[name] = float((layer.weight.T - goal).detach().norm())
    assert left["muon"] < 0.8 * left["adam"], left


@pytest.mark.parametrize("version", ["demo", "model"])
def test_first_and_last_layers_norms_and_tables_are_not_muons(version):
    with torch.device("meta"):
        model = build_model(CONFIGS[version])
    parameters = dict(model.named_parameters())
    groups = make_optimizer(parameters, settings()).param_groups
    [matrices] = [{id(p) for p in group["params"]} for group in groups if group["matrices"]]
    chosen = {name for name, p in parameters.items() if id(p) in matrices}
    for part in ("heads.", "norm", "bias", "head.", "patch_embed.proj.weight", "proj.0.0.weight"):
        assert not [name for name in chosen if part in name.removeprefix("coarse_network")], part
    counted = sum(p.numel() for name, p in model.named_parameters() if name in chosen)
    assert counted > 0.9 * sum(p.numel() for p in model.parameters())
