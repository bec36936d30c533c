"""Any timm feature pyramid as a backbone, alone or as the tokeniser of transformer blocks."""

from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import save_file

from models import MattingConfig, build_model
from models.backbone import build_backbone
from models.folding import fold_for_inference
from models.pyramid import PyramidBackbone, prepare_convolutions
from utils.errors import InputError

LITE = MattingConfig(backbone="tf_efficientnet_lite0", decoder_widths=(16, 8))
CONFIGS = {
    "lite": LITE,
    "blocks": replace(LITE, blocks=1, block_width=32),
    "convnext": replace(LITE, backbone="convnext_atto"),
    "mobilenet": replace(LITE, backbone="mobilenetv4_conv_small_050"),
    "pvt": replace(LITE, backbone="pvt_v2_b0"),
}


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_the_network_is_the_same_function_folded_and_predicts_at_an_eighth(name):
    torch.manual_seed(0)
    model = build_model(CONFIGS[name])
    assert (model.stride, model.coarse_network.backbone.strides[0]) == (32, 8)
    image = torch.rand(2, 3, 96, 160)
    for _ in range(2):
        model.train().coarse(image)  # norms of their own, not an untrained network's
    model.eval()
    ours, folded = model.coarse(image), fold_for_inference(model).coarse(image)
    for kind, channels in ((0, 1), (1, 3)):
        for level, stride in enumerate((32, 16, 8)):
            assert ours[kind][level].shape == (2, channels, 96 // stride, 160 // stride)
        [finest] = folded[kind]  # inference reads no other
        torch.testing.assert_close(ours[kind][-1], finest, rtol=0, atol=1e-4)


def test_blocks_see_the_whole_photo_and_tell_places_apart():
    model = build_model(CONFIGS["blocks"]).eval()
    image = torch.rand(1, 3, 64, 256, requires_grad=True)
    x = model.coarse_network.backbone(image)[-1]
    x[:, 0, :, 0].sum().backward()
    assert image.grad[..., -1].abs().sum() > 0  # from one end to the other
    places = model.coarse_network.backbone(torch.zeros(1, 3, 64, 256))[-1]
    assert not torch.allclose(places[..., 0], places[..., 3])


@pytest.mark.parametrize("name", ["lite", "mobilenet"])
def test_features_are_those_of_timm(name):
    backbone = build_backbone(CONFIGS[name]).eval()
    plain = timm.create_model(CONFIGS[name].backbone, features_only=True).eval()
    plain.load_state_dict(backbone.pyramid.state_dict())
    image = torch.rand(1, 3, 64, 96)
    theirs = [f for f in plain((image - backbone.mean) / backbone.std) if f.shape[-1] <= 12]
    for ours, feature in zip(backbone(image), theirs, strict=True):
        torch.testing.assert_close(ours, feature)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_depthwise_gradients_in_bfloat16_are_those_in_float32(kernel, stride):
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(8, 8, kernel, stride, padding=kernel // 2, groups=8)
    ours = torch.nn.Sequential(conv)
    prepare_convolutions(ours)
    image = torch.rand(2, 8, 32, 32)
    gradients = []
    for bfloat16 in (False, True):
        conv.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            out = ours(image.to(torch.bfloat16 if bfloat16 else torch.float32))
        assert out.dtype == (torch.bfloat16 if bfloat16 else torch.float32)
        out.float().square().sum().backward()
        gradients.append(conv.weight.grad.clone())
    assert torch.cosine_similarity(*[g.flatten() for g in gradients], dim=0) > 0.999


def test_what_cannot_be_a_backbone_is_refused_in_a_sentence():
    with pytest.raises(InputError, match="timm cannot build the backbone 'resnet999'"):
        build_backbone(replace(LITE, backbone="resnet999"))
    with pytest.raises(InputError, match="'hiera_tiny_224' for photos of any size"):
        build_backbone(replace(LITE, backbone="hiera_tiny_224"))
    with pytest.raises(InputError, match="decoder_widths must be 2 numbers for the strides"):
        build_model(replace(LITE, decoder_widths=(1, 2, 3)))
    with pytest.raises(InputError, match="embed_dim are for Swin"):
        build_backbone(replace(LITE, embed_dim=8))
    with pytest.raises(InputError, match="blocks are for convolutional backbones"):
        build_backbone(MattingConfig(blocks=1))


@pytest.mark.parametrize("backbone", ["tf_efficientnet_lite0", "convnext_atto"])
def test_early_stages_end_before_stride_8(backbone):
    ours = PyramidBackbone(backbone)
    early = torch.nn.Sequential(*ours.early_stages())
    assert early(torch.rand(1, 3, 64, 64)).shape[-1] == 16


def test_imagenet_weights_of_timm_and_of_the_package_are_told_apart(tmp_path):
    torch.manual_seed(0)
    source = timm.create_model("tf_efficientnet_lite0")
    torch.save(source.state_dict(), tmp_path / "timm.pth")
    package = {
        ("_conv_stem.weight" if i == 0 else f"_blocks.{i}.{name.rsplit('.')[-1]}"): value
        for i, (name, value) in enumerate(source.state_dict().items())
    }
    torch.save(package, tmp_path / "package.pth")
    wrapped = {f"module.{name}": value for name, value in source.state_dict().items()}
    torch.save({"state_dict": wrapped, "epoch": 3}, tmp_path / "wrapped.pth")
    save_file(source.state_dict(), tmp_path / "timm.safetensors")
    for file in ("timm.pth", "package.pth", "wrapped.pth", "timm.safetensors"):
        ours = PyramidBackbone("tf_efficientnet_lite0")
        ours.load_imagenet(tmp_path / file)
        for name, value in ours.pyramid.state_dict().items():
            assert torch.equal(value, source.state_dict()[name]), name
    for file in ("timm.pth", "package.pth"):
        with pytest.raises(InputError, match=rf"{file} holds no weights of timm's convnext_atto"):
            PyramidBackbone("convnext_atto").load_imagenet(tmp_path / file)


class Stranger:
    def __reduce__(self):
        return (print, ("ran",))


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK", Stranger(), [1], {1: 2}, {}, {"a": 3}])
def test_imagenet_files_that_are_none_get_one_sentence(tmp_path, content):
    path = tmp_path / "not.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(InputError, match=r"not\.pth (holds|is) no ") as error:
        PyramidBackbone("tf_efficientnet_lite0").load_imagenet(path)
    assert "\n" not in str(error.value) and "=False" not in str(error.value)
