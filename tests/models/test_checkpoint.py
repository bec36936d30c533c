"""Ours and the authors' files; what is refused and how."""

import io
import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import safetensors
import torch
from safetensors.torch import save_file

from models import CONFIGS, MattingConfig, build_model, load_model
from models.checkpoint import latest_checkpoint, read_checkpoint, save_checkpoint
from models.regions import crop_regions
from models.weight_files import write_entries
from tests.models import authors_stand_in
from utils.errors import InputError, MissingError

SMALL = MattingConfig(
    embed_dim=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), decoder_widths=(8, 8, 8)
)


@pytest.fixture(scope="module")
def authors_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("authors") / "0000500000.pth"
    torch.save(authors_stand_in.checkpoint(1), path)
    return path


@torch.inference_mode()
def test_authors_checkpoint_computes_what_their_code_computes(authors_file):
    model = load_model(authors_file)
    expected = np.load(Path(__file__).with_name("authors_expected.npz"))
    image = torch.from_numpy(authors_stand_in.image(1))[None]
    trimap = torch.from_numpy(authors_stand_in.trimap())[None]
    coarse = model.coarse(image)
    for level, step in enumerate((1, 2, 4)):
        ours = coarse.alpha_logits[level][0, 0, ::step, ::step].numpy()
        np.testing.assert_allclose(ours, expected[f"alpha_logits_{level}"], rtol=0, atol=1e-4)
        step *= 2
        ours = coarse.trimap_logits[level][0, :, ::step, ::step].numpy()
        if level == 0:
            ours = coarse.trimap_logits[level][0, :, ::2, ::2].numpy()
        np.testing.assert_allclose(ours, expected[f"trimap_logits_{level}"], rtol=0, atol=1e-4)
    alpha = model.refine(image, coarse.alpha_logits[-1].sigmoid(), trimap)
    cells = torch.from_numpy(expected["cells"].astype(np.int64))
    cells = torch.cat([torch.zeros(len(cells), 1, dtype=torch.int64), cells], dim=1)
    regions = crop_regions(alpha, cells, 8)[:, 0].numpy()
    np.testing.assert_allclose(regions, expected["regions"], rtol=0, atol=1e-4)
    grid = alpha[0, 0, ::64, ::64].numpy()
    outside = authors_stand_in.trimap()[1, ::8, ::8] == 0
    np.testing.assert_allclose(grid[outside], expected["outside"][outside], rtol=0, atol=1e-4)


def test_faults_of_the_authors_file_are_listed(authors_file, tmp_path):
    entries = torch.load(authors_file, weights_only=True)
    weights = entries["mat_model"]
    del weights["roi_head.enc_head.bias"]
    weights["seg_heads.0.bias"] = torch.zeros(7)
    weights["something.else"] = torch.zeros(1)
    torch.save(entries, tmp_path / "bad.pth")
    with pytest.raises(InputError) as error:
        load_model(tmp_path / "bad.pth")
    message = str(error.value)
    assert "missing: roi_head.enc_head.bias" in message
    assert "misshapen: coarse_network.alpha_heads.0.bias is 7, not 4" in message
    assert "unexpected: something.else" in message


def test_round_trip_keeps_weights_config_and_extras(tmp_path):
    config = MattingConfig(
        embed_dim=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), num_neighbours=3
    )
    model = build_model(config)
    save_checkpoint(tmp_path / "logger" / "0000000007.pth", model, step=7)
    save_checkpoint(tmp_path / "logger" / "0000000011.pth", model, step=11)
    (tmp_path / "logger" / "best.pth").write_bytes(b"")
    path = latest_checkpoint(tmp_path)
    assert path.name == "0000000011.pth"
    assert list(read_checkpoint(path))[:2] == ["model", "config"]
    assert read_checkpoint(path)["step"] == 11
    loaded = load_model(path)
    assert loaded.config == config
    assert not loaded.training
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_half_precision_weights_are_loaded_as_float32(tmp_path):
    model = build_model(SMALL).half()
    save_checkpoint(tmp_path / "half.pth", model)
    assert {p.dtype for p in load_model(tmp_path / "half.pth").parameters()} == {torch.float32}


def test_faults_of_our_own_file_are_listed(tmp_path):
    model = build_model(SMALL)
    weights = model.state_dict()
    del weights["refinement_network.head.bias"]
    weights["extra"] = torch.zeros(1)
    weights["refinement_network.head.weight"] = torch.zeros(2)
    model.state_dict = lambda: weights
    save_checkpoint(tmp_path / "bad.pth", model)
    with pytest.raises(InputError) as error:
        load_model(tmp_path / "bad.pth")
    assert "missing: refinement_network.head.bias" in str(error.value)
    assert "unexpected: extra" in str(error.value)
    assert "misshapen: refinement_network.head.weight is 2, not 1x16x1x1" in str(error.value)


def test_long_lists_of_faults_are_cut(tmp_path):
    save_checkpoint(tmp_path / "other.pth", build_model(SMALL))
    entries = torch.load(tmp_path / "other.pth", weights_only=True)
    entries["model"] = {f"other.{name}": value for name, value in entries["model"].items()}
    torch.save(entries, tmp_path / "other.pth")
    with pytest.raises(InputError) as error:
        load_model(tmp_path / "other.pth")
    message, more = str(error.value), f"(and {len(entries['model']) - 3} more)"
    assert message.count(more) == 2
    assert "missing: coarse_network." in message and "unexpected: other.coarse" in message
    assert len(message) < 1000 and "\n" not in message


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "model.", "module._orig_mod.", "_orig_mod.model.module."]
)
def test_names_of_wrapped_networks_are_understood(tmp_path, prefix):
    path, model = tmp_path / "wrapped.pth", build_model(SMALL)
    save_checkpoint(path, model, ema=model.state_dict())
    entries = torch.load(path, weights_only=True)
    for entry in ("model", "ema"):
        entries[entry] = {prefix + name: value for name, value in entries[entry].items()}
    entries["ema"]["n_averaged"] = torch.tensor(3)  # as torch's AveragedModel has it
    torch.save(entries, path)
    assert read_checkpoint(path)["model"].keys() == model.state_dict().keys()
    loaded = load_model(path).state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("wrap", [torch.compile, torch.nn.DataParallel])
def test_a_part_that_was_wrapped_is_understood(tmp_path, wrap):
    model = build_model(SMALL)
    names = set(model.state_dict())
    model.coarse_network = wrap(model.coarse_network)
    save_checkpoint(tmp_path / "wrapped.pth", model)
    assert not names & {name for name in model.state_dict() if name.startswith("coarse_network")}
    load_model(tmp_path / "wrapped.pth")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to be had")
@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_a_full_disk_is_called_so(tmp_path, name):
    (tmp_path / name).symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write_entries(tmp_path / name, {"model": {"weight": torch.zeros(99999)}})


@pytest.mark.parametrize("size", [3, 300, 5000, -5000, -300, -3])
def test_a_file_cut_short_is_told_of_wherever_it_ends(tmp_path, size):
    path = tmp_path / "cut.pth"
    save_checkpoint(path, build_model(SMALL))
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=r"cut\.pth is no checkpoint: it is cut short"):
        load_model(path)


def test_a_flipped_bit_is_told_of(tmp_path):
    path = tmp_path / "flipped.pth"
    save_checkpoint(path, build_model(SMALL))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"flipped\.pth is damaged, .* has a wrong checksum"):
        load_model(path)


def test_names_of_a_wrapped_authors_network_are_understood(authors_file, tmp_path):
    weights = torch.load(authors_file, weights_only=True)["mat_model"]
    wrapped = {f"module.{name}": value for name, value in weights.items()}
    torch.save({"mat_model": wrapped}, tmp_path / "wrapped.pth")
    assert read_checkpoint(tmp_path / "wrapped.pth")["mat_model"].keys() == weights.keys()


def saved(**options):
    content = io.BytesIO()
    torch.save({"model": {}, "config": {}}, content, **options)
    return content.getvalue()


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is empty"),
        (b"a photo, perhaps", None),
        (b"PK\x03\x04broken", "it is cut short"),
        (saved()[:-40], "it is cut short"),
        (saved(_use_new_zipfile_serialization=False)[:-20], "it is cut short"),
        (pickle.dumps({"model": 1}), None),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", "but a web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "but a web page"),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_a_sentence(tmp_path, content, sentence, ending):
    path = tmp_path / f"not{ending}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"not\{ending} is no checkpoint") as error:
        load_model(path)
    assert sentence is None or sentence in str(error.value)
    assert_one_safe_sentence(error.value)


def assert_one_safe_sentence(error):
    """Nothing of torch's own words, which tell how to load a file unsafely."""
    assert "\n" not in str(error) and len(str(error)) < 300
    assert not re.search(r"weights_only=False|to `False`|trust|re-run", str(error), re.IGNORECASE)


def test_safetensors_round_trip(tmp_path):
    path, model = tmp_path / "small.safetensors", build_model(CONFIGS["demo"])
    model.max_area = 4096
    save_checkpoint(path, model.half(), about="a test", step=3)
    with safetensors.safe_open(path, framework="np") as file:
        assert json.loads(file.metadata()["config"])["embed_dim"] == CONFIGS["demo"].embed_dim
    loaded = load_model(str(path))
    assert loaded.config == CONFIGS["demo"] and loaded.max_area == 4096
    assert {key: read_checkpoint(path)[key] for key in ("about", "step")} == {
        "about": "a test",
        "step": 3,
    }
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value.float()), name


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"config": "{broken"}])
def test_safetensors_that_does_not_say_its_network_is_refused(tmp_path, metadata):
    path = tmp_path / "foreign.safetensors"
    save_file(build_model(SMALL).state_dict(), path, metadata)
    with pytest.raises(InputError, match=r"foreign\.safetensors.*`config`") as error:
        load_model(path)
    assert_one_safe_sentence(error.value)


def test_pickled_code_is_never_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path(tmp_path / "ran").touch, ())

    torch.save({"model": Evil(), "config": {}}, tmp_path / "evil.pth")
    with pytest.raises(InputError, match="which could run code") as error:
        load_model(tmp_path / "evil.pth")
    assert_one_safe_sentence(error.value)
    assert not (tmp_path / "ran").exists()


def test_other_contents_and_missing_files(tmp_path):
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(InputError, match="nor of the authors"):
        load_model(tmp_path / "list.pth")
    torch.save({"model": {}, "config": {"colour": "red"}}, tmp_path / "strange.pth")
    with pytest.raises(InputError, match="colour"):
        load_model(tmp_path / "strange.pth")
    for config in (3, {"depths": 5}, {"num_neighbours": 0}, {"backbone": 3}, {"backbone": "none"}):
        torch.save({"model": {}, "config": config}, tmp_path / "strange.pth")
        with pytest.raises(InputError, match=r"strange\.pth: its `config`"):
            load_model(tmp_path / "strange.pth")
    for weights in ([], {1: torch.zeros(1)}):
        torch.save({"model": weights, "config": {}}, tmp_path / "strange.pth")
        with pytest.raises(InputError, match=r"strange\.pth: its `model` is no state_dict"):
            load_model(tmp_path / "strange.pth")
    with pytest.raises(MissingError, match="is not there"):
        load_model(tmp_path / "none.pth")
    with pytest.raises(MissingError, match="is a folder"):
        load_model(tmp_path)
    with pytest.raises(MissingError, match="holds no checkpoint"):
        latest_checkpoint(tmp_path)


def test_parameter_counts():
    def count(name):
        return sum(p.numel() for p in build_model(CONFIGS[name]).parameters())

    assert round(count("model") / 1e6, 2) == 31.26
    assert count("demo") <= 4e6


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
@pytest.mark.parametrize("entry", ["model", "ema"])
def test_weights_that_are_not_finite_are_refused(tmp_path, value, entry):
    model = build_model(SMALL)
    extra = {"ema": build_model(SMALL).state_dict()} if entry == "ema" else {}
    name = "refinement_network.head.bias"  # infinite, its alpha would be clamped to 1
    extra.get("ema", model.state_dict())[name].fill_(value)
    save_checkpoint(tmp_path / "damaged.pth", model, **extra)
    with pytest.raises(InputError, match=rf"damaged\.pth .*not finite.*: {name}; use another"):
        load_model(tmp_path / "damaged.pth")
