"""timm's Swin as it is used here: windows, shifts, and ImageNet weights."""

import pytest
import timm
import torch

from models.swin import SwinBackbone
from utils.errors import InputError, MissingError

TINY = {"embed_dim": 8, "depths": (2, 2, 2, 2), "num_heads": (1, 1, 1, 1)}
NAME = "swin_tiny_patch4_window7_224.ms_in22k"


def test_windows_and_shifts_do_not_depend_on_the_input():
    backbone = SwinBackbone(NAME, **TINY)
    blocks = [m for m in backbone.modules() if type(m).__name__ == "SwinTransformerBlock"]
    before = [(block.window_size, block.shift_size) for block in blocks]
    assert before == [((7, 7), s) for s in [(0, 0), (3, 3)] * 3 + [(0, 0), (0, 0)]]
    shapes = [tuple(f.shape[2:]) for f in backbone(torch.rand(1, 3, 128, 384))]
    assert shapes == [(8, 24), (4, 12), (2, 6), (1, 3)]
    assert before == [(block.window_size, block.shift_size) for block in blocks]


def test_fused_attention_has_the_gradients_of_plain_attention():
    torch.manual_seed(0)
    backbone = SwinBackbone(NAME, **TINY)
    image, gradients = torch.rand(1, 3, 256, 384), []
    attention = [m for m in backbone.modules() if hasattr(m, "fused_attn")]
    assert attention
    assert all(module.fused_attn for module in attention)
    for fused in (True, False):
        for module in attention:
            module.fused_attn = fused
            torch.nn.init.normal_(module.relative_position_bias_table, generator=seeded())
        backbone.zero_grad()
        sum(feature.square().mean() for feature in backbone(image)).backward()
        gradients.append({n: p.grad for n, p in backbone.named_parameters()})
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


def seeded():
    return torch.Generator().manual_seed(0)


def test_unknown_backbone_is_refused():
    with pytest.raises(InputError, match="timm cannot build the backbone 'resnet999'"):
        SwinBackbone("resnet999")


def test_imagenet_weights_from_a_file_keep_the_sum_of_the_patch_kernel(tmp_path):
    source = timm.create_model(NAME, num_classes=2)
    torch.save(source.state_dict(), tmp_path / "swin.pth")
    backbone = SwinBackbone(NAME)
    backbone.load_imagenet(tmp_path / "swin.pth")
    small = source.state_dict()["patch_embed.proj.weight"]
    large = backbone.pyramid.state_dict()["patch_embed.proj.weight"]
    torch.testing.assert_close(large.sum((2, 3)), small.sum((2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(large[:, :, 5, 14] * 16, small[:, :, 1, 3])
    block = "layers.2.blocks.3.mlp.fc1.weight"
    ours = backbone.pyramid.state_dict()[block.replace("layers.2", "layers_2")]
    assert torch.equal(ours, source.state_dict()[block])


def test_imagenet_weights_that_cannot_be_had_name_both_ways(tmp_path, monkeypatch):
    backbone = SwinBackbone(NAME, **TINY)
    with pytest.raises(MissingError, match=r"none\.pth is not there"):
        backbone.load_imagenet(tmp_path / "none.pth")

    def offline(*args, **kwargs):
        raise ConnectionError("no route to the hub")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(MissingError, match=r"or give a file from it, or begin with random weights"):
        backbone.load_imagenet()


def test_imagenet_weights_of_another_shape_are_refused(tmp_path):
    torch.save(timm.create_model(NAME, num_classes=2).state_dict(), tmp_path / "swin.pth")
    with pytest.raises(InputError, match="do not fit this configuration"):
        SwinBackbone(NAME, **TINY).load_imagenet(tmp_path / "swin.pth")


def test_a_convolutional_stem_keeps_the_strides():
    backbone = SwinBackbone(NAME, (4, 8, 8), **TINY)
    shapes = [tuple(f.shape[1:]) for f in backbone(torch.rand(2, 3, 128, 256))]
    assert shapes == [(8, 8, 16), (16, 4, 8), (32, 2, 4), (64, 1, 2)]
    assert not [m for m in backbone.modules() if getattr(m, "kernel_size", None) == (16, 16)]


def test_imagenet_weights_do_not_fit_behind_a_stem(tmp_path):
    torch.save(timm.create_model(NAME, num_classes=2).state_dict(), tmp_path / "swin.pth")
    with pytest.raises(InputError, match="do not fit this configuration"):
        SwinBackbone(NAME, (4, 8, 8)).load_imagenet(tmp_path / "swin.pth")
