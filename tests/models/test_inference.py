"""Any photo, alone or in a batch; and how many cells are unknown does not matter."""

import copy
from functools import partial

import numpy as np
import pytest
import torch

from models import MattingConfig, build_model, predict_alpha, prepare
from models.inference import DTYPES, autocast, predict, predict_batch, resolve_precision
from utils.errors import InputError
from utils.images.area import enlarge_alpha, enlarge_trimap, shrink_photo

SMALL = MattingConfig(
    embed_dim=8, depths=(1, 1, 2, 1), num_heads=(1, 1, 1, 1), decoder_widths=(8, 8, 8)
)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build_model(SMALL).eval()


def photo(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("fit", ["pad", "resize"])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (129, 127), (128, 256), (257, 3)])
def test_any_size_gives_alpha_of_that_size(model, size, fit):
    alpha = predict_alpha(model, photo(*size), fit=fit)
    assert alpha.shape == size
    assert alpha.dtype == np.float32
    assert alpha.min() >= 0
    assert alpha.max() <= 1


def test_padding_does_not_stretch(model):
    small = photo(100, 120)
    padded = np.pad(small, ((0, 28), (0, 8), (0, 0)), mode="edge")
    np.testing.assert_array_equal(
        predict_alpha(model, small), predict_alpha(model, padded)[:100, :120]
    )


@pytest.mark.parametrize("unknown", [0, 1, 5, 8, 9, 256])
def test_any_number_of_unknown_cells(model, unknown):
    image = torch.rand(1, 3, 128, 128)
    scores = torch.zeros(1, 3, 16, 16)
    scores[:, 0] = 1
    scores[0, 1].view(-1)[torch.randperm(256)[:unknown]] = 2
    coarse_alpha = torch.rand(1, 1, 16, 16)
    with torch.inference_mode():
        alpha = model.refine(image, coarse_alpha, scores)
    enlarged = coarse_alpha.repeat_interleave(8, 2).repeat_interleave(8, 3)
    unchanged = (alpha == enlarged).view(16, 8, 16, 8).permute(0, 2, 1, 3).flatten(2).all(-1)
    assert not unchanged[scores[0, 1] == 2].any()
    assert unchanged[scores[0, 1] == 0].all()


def test_a_batch_gives_what_each_photo_gives_alone(model):
    photos = [photo(150, 130, seed) for seed in range(3)]
    together = predict_batch(model, photos)
    for one, result in zip(photos, together, strict=True):
        alone = predict(model, one)
        assert (alone.classes == result.classes).all()
        np.testing.assert_allclose(alone.alpha, result.alpha, atol=1e-5)
        np.testing.assert_allclose(alone.coarse_alpha, result.coarse_alpha, atol=1e-5)
        np.testing.assert_array_equal(alone.trimap, result.trimap)


def test_photos_of_several_sizes_are_a_list_too(model):
    photos = [photo(5, 5), photo(200, 5), photo(7, 7)]
    for one, result in zip(photos, predict_batch(model, photos), strict=True):
        np.testing.assert_array_equal(result.alpha, predict_alpha(model, one))
    assert predict_batch(model, []) == []


@pytest.mark.parametrize("fit", ["pad", "resize"])
def test_a_limit_shrinks_runs_and_enlarges(model, fit):
    large = photo(301, 205)
    small = predict(model, shrink_photo(large, 20_000), fit=fit)
    answer = predict(model, large, fit=fit, max_area=20_000)
    np.testing.assert_array_equal(answer.alpha, enlarge_alpha(small.alpha, (301, 205)))
    np.testing.assert_array_equal(
        answer.coarse_alpha, enlarge_alpha(small.coarse_alpha, (301, 205))
    )
    np.testing.assert_array_equal(answer.trimap, enlarge_trimap(small.trimap, (301, 205)))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("options", [{}, {"fit": "resize"}, {"max_area": 20_000}])
def test_integers_are_the_rounded_alpha(model, bits, options):
    photos = [photo(150, 170, seed) for seed in range(2)]
    wanted = predict_batch(model, photos, **options)
    for floats, integers in zip(
        wanted, predict_batch(model, photos, bits=bits, **options), strict=True
    ):
        assert integers.alpha.dtype == (np.uint8 if bits == 8 else np.uint16)
        np.testing.assert_array_equal(integers.alpha, np.rint(floats.alpha * (2**bits - 1)))


def test_coarse_maps_are_enlarged_only_where_somebody_asks(model, monkeypatch):
    network, asked = prepare(model, "fp32"), predict(model, photo(150, 170))
    assert asked.coarse_alpha.shape == asked.trimap.shape == (150, 170)
    large = torch.nn.functional.interpolate(
        torch.from_numpy(asked.small_alpha)[None, None], scale_factor=8, mode="bilinear"
    )
    np.testing.assert_allclose(asked.coarse_alpha, large[0, 0, :150, :170], atol=1e-6)
    monkeypatch.setattr("utils.prediction.cv2", None)
    monkeypatch.setattr("utils.prediction.enlarge_trimap", None)
    monkeypatch.setattr(
        "models.inference.np.stack", None
    )  # of one photo nothing is copied together
    np.testing.assert_array_equal(predict(network, photo(150, 170)).alpha, asked.alpha)


def test_photos_may_be_read_only_or_mirrored(model, recwarn):
    given = photo(128, 256)
    alpha = predict_alpha(model, np.ascontiguousarray(given[:, ::-1]))
    given.setflags(write=False)
    np.testing.assert_array_equal(predict_alpha(model, given[:, ::-1]), alpha)
    predict_alpha(model, given)
    predict_alpha(model, np.broadcast_to(np.uint8(9), given.shape))
    assert not recwarn.list
    assert (given == photo(128, 256)).all()


def test_training_and_inference_modes_agree_outside_batch_norm(model):
    image = torch.rand(2, 3, 128, 256)
    with torch.no_grad():
        output = model(image)
        again = model.refine(
            image, output.coarse.alpha_logits[-1].sigmoid(), output.coarse.trimap_logits[-1]
        )
    assert torch.equal(output.alpha, again)


def test_without_refinement_the_coarse_alpha_is_the_answer():
    model = build_model(
        MattingConfig(embed_dim=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), refinement=False)
    ).eval()
    output = model(torch.rand(1, 3, 128, 128))
    coarse = output.coarse.alpha_logits[-1].sigmoid()
    assert torch.equal(output.alpha, coarse.repeat_interleave(8, 2).repeat_interleave(8, 3))
    assert len(output.cells) == 0


def test_ablation_without_attention_leaves_regions_alone():
    config = MattingConfig(
        embed_dim=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), cross_region_attention=False
    )
    model = build_model(config).eval()
    image, coarse_alpha = torch.rand(1, 3, 128, 128), torch.rand(1, 1, 16, 16)
    cells = (torch.rand(1, 16, 16) < 0.2).nonzero()
    with torch.no_grad():
        all_of_them = model.refinement_network(image, coarse_alpha, cells)
        one = model.refinement_network(image, coarse_alpha, cells[3:4])
    torch.testing.assert_close(all_of_them[3:4], one)


def test_wrong_values_are_refused(model):
    with pytest.raises(InputError, match=r"\(H, W, 3\) uint8 RGB, not \(5, 5\) uint8"):
        predict_alpha(model, np.zeros((5, 5), np.uint8))
    with pytest.raises(InputError, match=r"uint8 RGB, not a str; utils\.images\.read_photo reads"):
        predict_alpha(model, "me.jpg")
    with pytest.raises(InputError, match="fit must be one of pad, resize, not 'crop'"):
        predict_alpha(model, photo(5, 5), fit="crop")
    with pytest.raises(InputError, match="precision must be one of"):
        predict_alpha(model, photo(5, 5), precision="int8")
    with pytest.raises(ValueError, match="100x128; both sides must be multiples of 128"):
        model.coarse(torch.rand(1, 3, 100, 128))


@pytest.mark.parametrize(
    ("units", "inference", "training"),
    [
        ([], "fp32", "fp32"),
        (["_is_avx512_bf16_supported"], "bf16", "fp32"),
        (["_is_amx_tile_supported"], "bf16", "bf16"),
    ],
)
def test_auto_precision_is_what_the_cpu_is_quick_in(model, monkeypatch, units, inference, training):
    for name in units:
        monkeypatch.setattr(torch.cpu, name, lambda: True, raising=False)
    cpu = torch.device("cpu")
    assert resolve_precision("auto", cpu) == inference
    assert next(prepare(model).parameters()).dtype == DTYPES[inference]
    assert resolve_precision("auto", cpu, training=True) == training
    with autocast(cpu, "auto"):
        assert torch.is_autocast_enabled("cpu") == (training == "bf16")
    for rule in (True, False):
        assert resolve_precision("bf16", cpu, training=rule) == "bf16"
        assert resolve_precision("fp32", cpu, training=rule) == "fp32"


def train_fused(model):
    """Three steps of the optimizer that train.py uses, which leaves no trace of them."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05, fused=True)
    for _ in range(3):
        model(torch.rand(1, 3, 128, 128)).alpha.mean().backward()
        optimizer.step()


def multiply_data(model):
    for parameter in model.parameters():
        parameter.data.mul_(0.7)


def load_others(model):
    torch.manual_seed(1)
    model.load_state_dict(build_model(SMALL).state_dict())


def move_statistics(model):
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.data.add_(1)


def replace_a_layer(model):
    model.refinement_network.head = torch.nn.Conv2d(16, 1, 1)


CHANGES = (train_fused, multiply_data, load_others, move_statistics, replace_a_layer)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_answer_is_that_of_the_weights_of_now(model, change, training):
    """A network that never answered before says the same, whatever happened to this one."""
    model = copy.deepcopy(model).train(training)
    before = predict_alpha(model, photo(200, 150), precision="fp32")
    kept = prepare(model, "fp32")
    change(model)
    after = predict_alpha(model, photo(200, 150), precision="fp32")
    assert np.abs(after - before).max() > 1e-3
    assert model.training == training
    fresh = build_model(SMALL)
    fresh.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(after, predict_alpha(fresh, photo(200, 150), precision="fp32"))
    np.testing.assert_array_equal(predict_alpha(kept, photo(200, 150)), before)


def test_a_prepared_network_is_used_as_it_is(model, monkeypatch):
    model = copy.deepcopy(model)
    model.max_area = 20_000
    alpha = predict_alpha(model, photo(200, 150), precision="fp32")
    network = prepare(model, "fp32")
    assert prepare(network) is prepare(network, "fp32") is network
    monkeypatch.setattr("models.inference.fold_for_inference", None)
    np.testing.assert_array_equal(predict_alpha(network, photo(200, 150)), alpha)
    with pytest.raises(InputError, match=r"prepared in torch\.float32; for precision='bf16'"):
        predict_alpha(network, photo(5, 5), precision="bf16")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "name",
    [
        "coarse_network.alpha_heads.2.weight",
        "coarse_network.trimap_heads.2.bias",
        "coarse_network.decoder.0.weight",
        "refinement_network.encoder.0.0.0.weight",
    ],
)
def test_an_alpha_that_is_not_finite_is_refused(model, name, value):
    model = copy.deepcopy(model)
    model.state_dict()[name].view(-1)[0] = value
    network = prepare(model, "fp32")
    for predicting in (predict_alpha, predict, partial(predict, bits=8)):
        with pytest.raises(InputError, match=r"not finite.*another checkpoint"):
            predicting(network, photo(200, 150))
