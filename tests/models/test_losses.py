"""Each loss against a slow version in numpy that says the formula, image by image."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.losses import LOSSES, compute_losses, one_hot_trimap, unknown_weights

B, H, W = 2, 128, 256


def make_case(seed=0):
    """Random predictions for two images: one with every class, one almost all background."""
    random = np.random.default_rng(seed)
    alpha = np.zeros((B, 1, H, W))
    trimap = np.zeros((B, 1, H, W), np.uint8)
    trimap[0, 0, :, 60:150], trimap[0, 0, :, 90:130] = 128, 255
    alpha[0, 0, :, 60:150] = random.random((H, 90))
    alpha[0, 0, :, 90:130] = 1
    trimap[1, 0, 17:20, 33:36] = 128
    alpha[1, 0, 18, 34] = 0.5
    foreground, background = random.random((2, B, 3, H, W))
    batch = {
        "image": foreground * alpha + background * (1 - alpha) + 0.1 * random.random((B, 3, H, W)),
        "foreground": foreground,
        "background": background,
        "alpha": alpha,
    }
    sizes = [(H // s, W // s) for s in (32, 16, 8)]
    prediction = {
        "alpha": random.random((B, 1, H, W)),
        "alpha_logits": [3 * random.standard_normal((B, 1, *size)) for size in sizes],
        "trimap_logits": [3 * random.standard_normal((B, 3, *size)) for size in sizes],
    }
    return prediction, {**batch, "trimap": trimap}


def to_torch(prediction, batch):
    def tensor(array):
        array = np.asarray(array)
        return torch.tensor(array, dtype=None if array.dtype == np.uint8 else torch.float32)

    coarse = SimpleNamespace(
        alpha_logits=[tensor(x) for x in prediction["alpha_logits"]],
        trimap_logits=[tensor(x) for x in prediction["trimap_logits"]],
    )
    output = SimpleNamespace(alpha=tensor(prediction["alpha"]), coarse=coarse)
    return output, {name: tensor(layer) for name, layer in batch.items()}


def slow_losses(prediction, batch):
    """The method's formulas, one image after the other, averaged."""
    values = [slow_losses_of_image(prediction, batch, b) for b in range(B)]
    return {name: np.mean([value[name] for value in values]) for name in values[0]}


def slow_losses_of_image(prediction, batch, b):
    alpha = batch["alpha"][b, 0]
    trimap = np.stack([batch["trimap"][b, 0] == value for value in (0, 128, 255)]).astype(float)
    y = alpha.reshape(H // 8, 8, W // 8, 8).mean((1, 3))
    t = trimap.reshape(3, H // 8, 8, W // 8, 8).mean((2, 4))
    losses = {}
    for i, stride in enumerate((32, 16, 8)):
        z = slow_bilinear(prediction["alpha_logits"][i][b, 0], y.shape)
        p = 1 / (1 + np.exp(-z))
        losses[f"coarse_alpha_{stride}"] = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        z = np.stack([slow_bilinear(c, y.shape) for c in prediction["trimap_logits"][i][b]])
        p = np.exp(z) / np.exp(z).sum(0)
        n = [np.sum(t.argmax(0) == c) for c in range(3)]
        w = np.array([count**-0.5 if count else 0 for count in n])
        w = w / w.sum()
        q = p * t + (1 - p) * (1 - t)
        focal = w[:, None, None] * -t * np.log(p) * (1 - q) ** 2
        losses[f"coarse_trimap_{stride}"] = focal.sum(0).mean()

    n = trimap.sum((1, 2))
    inverse = np.array([float(count) ** -2 if count else 0 for count in n])
    u = inverse[1] / inverse.sum()
    w = np.where(trimap[1] > 0, u, inverse[[0, 2]].sum() / inverse.sum())
    pred = prediction["alpha"][b, 0]
    losses["alpha"] = np.sum(w * np.sqrt((pred - alpha) ** 2 + 1e-12)) / w.sum()
    composite = pred * batch["foreground"][b] + (1 - pred) * batch["background"][b]
    error = np.sqrt((composite - batch["image"][b]) ** 2 + 1e-12)
    losses["composite"] = np.sum(w * error) / (3 * w.sum())
    losses["laplacian"] = 0
    for a, c in zip(slow_pyramid(pred), slow_pyramid(alpha), strict=True):
        weights = slow_bilinear(w, a.shape)
        losses["laplacian"] += np.sum(weights * np.abs(a - c)) / weights.sum()
    return losses


def slow_pyramid(x):
    g = np.exp(-0.5 * np.arange(-2, 3) ** 2)
    kernel = np.outer(g, g) / g.sum() ** 2
    levels = []
    for _ in range(5):
        h, w = x.shape
        padded = np.pad(x, 2, mode="reflect")
        blurred = sum(
            kernel[i, j] * padded[i : i + h, j : j + w] for i in range(5) for j in range(5)
        )
        levels.append(x - blurred)
        x = blurred.reshape(h // 2, 2, w // 2, 2).mean((1, 3))
    return [*levels, x]


def slow_bilinear(x, size):
    """Pixel centres at half, the border repeated: align_corners=False."""
    h, w = x.shape
    out = np.empty(size)
    for i in range(size[0]):
        for j in range(size[1]):
            y = min(max((i + 0.5) * h / size[0] - 0.5, 0), h - 1)
            z = min(max((j + 0.5) * w / size[1] - 0.5, 0), w - 1)
            i0, j0 = math.floor(y), math.floor(z)
            i1, j1 = min(i0 + 1, h - 1), min(j0 + 1, w - 1)
            a, c = y - i0, z - j0
            top = x[i0, j0] * (1 - c) + x[i0, j1] * c
            out[i, j] = top * (1 - a) + (x[i1, j0] * (1 - c) + x[i1, j1] * c) * a
    return out


@pytest.fixture(scope="module")
def case():
    prediction, batch = make_case()
    return to_torch(prediction, batch), slow_losses(prediction, batch)


def test_every_term_agrees_with_the_slow_formula(case):
    (output, batch), expected = case
    losses = compute_losses(output, batch)
    assert list(losses) == list(LOSSES)
    for name, loss in losses.items():
        assert loss.item() == pytest.approx(expected[name], rel=2e-5), name


def test_a_split_batch_has_the_mean_of_its_parts(case):
    (output, batch), _ = case
    whole = compute_losses(output, batch)
    parts = []
    for b in range(B):
        one = SimpleNamespace(
            alpha=output.alpha[b : b + 1],
            coarse=SimpleNamespace(
                alpha_logits=[x[b : b + 1] for x in output.coarse.alpha_logits],
                trimap_logits=[x[b : b + 1] for x in output.coarse.trimap_logits],
            ),
        )
        parts.append(compute_losses(one, {name: x[b : b + 1] for name, x in batch.items()}))
    for name in LOSSES:
        mean = sum(part[name].item() for part in parts) / B
        assert whole[name].item() == pytest.approx(mean, rel=1e-5), name


def test_losses_are_float32_inside_autocast(case):
    (output, batch), _ = case
    alone = compute_losses(output, batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = compute_losses(output, batch)
    for name in LOSSES:
        assert inside[name].dtype == torch.float32
        assert inside[name].item() == alone[name].item(), name


@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_image_of_one_class_has_finite_losses_and_gradients(case, value):
    (output, batch), _ = case
    pred = output.alpha.clone().requires_grad_()
    batch = {**batch, "trimap": torch.full_like(batch["trimap"], value)}
    losses = compute_losses(SimpleNamespace(alpha=pred, coarse=output.coarse), batch)
    sum(losses.values()).backward()
    assert all(loss.isfinite() for loss in losses.values())
    assert pred.grad.isfinite().all()


def test_weights_stay_positive_where_one_pixel_is_unknown():
    trimap = torch.zeros(1, 1, 896, 896, dtype=torch.uint8)
    trimap[0, 0, 3, 5] = 128
    weights = unknown_weights(one_hot_trimap(trimap))
    assert weights.min() > 0
    assert weights[0, 0, 3, 5] == 1


@pytest.mark.parametrize("term", LOSSES)
def test_a_term_left_out_is_not_computed_and_the_only_difference(case, term, monkeypatch):
    (output, batch), _ = case
    whole = compute_losses(output, batch)
    monkeypatch.setitem(LOSSES, term, None)  # can't be called
    some = compute_losses(output, batch, without=[term])
    assert list(some) == [name for name in LOSSES if name != term]
    assert all(some[name].item() == whole[name].item() for name in some)


def test_a_new_term_is_a_function_and_an_entry(case, monkeypatch):
    (output, batch), _ = case
    before = list(LOSSES)
    monkeypatch.setitem(LOSSES, "mean", lambda c: (c.pred_alpha - c.true_alpha).mean().abs())
    losses = compute_losses(output, batch)
    assert list(losses) == [*before, "mean"]
    expected = (output.alpha - batch["alpha"]).mean().abs()
    assert losses["mean"].item() == pytest.approx(expected.item())
