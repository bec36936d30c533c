"""Alpha in float32: as fine as 16 bits, and with gradients, whatever the network computes in."""

import numpy as np
import pytest
import torch

from models import MattingConfig, build_model
from models.inference import autocast, predict
from models.regions import UNKNOWN

SMALL = MattingConfig(
    embed_dim=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), decoder_widths=(8, 8, 8)
)
FINE = 2000  # of 65,536 levels; bfloat16 has 128 between 0.5 and 1, float16 1,024
CPU = torch.device("cpu")


@pytest.fixture
def model():
    """Every cell is refined, and what comes of it lies between 0.5 and 1."""
    torch.manual_seed(0)
    model = build_model(SMALL).eval()
    with torch.no_grad():
        model.coarse_network.trimap_heads[-1].bias.view(3, 4)[UNKNOWN] += 100
        model.refinement_network.head.bias.fill_(0.7)
    return model


def levels(alpha):
    """How many values a 16-bit file of it has."""
    return len(np.unique(np.rint(alpha * 65535)))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_an_alpha_has_the_levels_of_16_bits(model, precision):
    photo = np.random.default_rng(0).integers(0, 256, (384, 384, 3), dtype=np.uint8)
    found = predict(model, photo, precision=precision)
    assert (found.classes == 1).all()
    assert 0.5 < found.alpha.min() < found.alpha.max() < 1
    assert levels(found.alpha) > FINE
    assert levels(found.coarse_alpha) > FINE
    assert len(np.unique(predict(model, photo, precision=precision, bits=16).alpha)) > FINE


@pytest.mark.parametrize("training", [True, False])
def test_autocast_leaves_alpha_in_float32(model, training):
    with autocast(CPU, "bf16"), torch.no_grad():
        output = model.train(training)(torch.rand(1, 3, 384, 384))
    assert output.alpha.dtype == torch.float32
    assert all(logits.dtype == torch.float32 for logits in output.coarse.alpha_logits)
    refined = torch.zeros(48, 48, dtype=torch.bool)
    refined[tuple(output.cells[:, 1:].T)] = True
    refined = refined.repeat_interleave(8, 0).repeat_interleave(8, 1)
    assert levels(output.alpha[0, 0][refined].numpy()) > FINE
    assert levels(output.coarse.alpha_logits[-1].sigmoid().numpy()) > 500  # of 2,304 cells


def test_a_sure_cell_still_learns_in_bf16(model):
    """A sigmoid in bfloat16 is 1 from a logit of 6.3 on, and its gradient 0."""
    model.train().coarse_network.alpha_heads[-1].bias.data.fill_(9)
    with autocast(CPU, "bf16"):
        output = model(torch.rand(1, 3, 128, 128))
    coarse = output.coarse.alpha_logits[-1].sigmoid()
    assert 0.99 < coarse.min() <= coarse.max() < 1
    unrefined = torch.ones(16, 16, dtype=torch.bool)
    unrefined[tuple(output.cells[:, 1:].T)] = False
    mask = unrefined.repeat_interleave(8, 0).repeat_interleave(8, 1)
    assert output.alpha[0, 0][mask].max() < 1
    output.alpha[0, 0][mask].mean().backward()
    assert model.coarse_network.alpha_heads[-1].bias.grad.abs().min() > 1e-6
