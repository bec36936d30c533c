"""Whole runs of train.py on a tiny network and tiny data, in this process or a forked one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import train
from engine.distributed import Processes
from engine.evaluation.protocol import predict_at
from engine.training import optimisation
from engine.training.arguments import parse_arguments
from engine.training.data import open_portraits, open_training_set
from engine.training.tensorboard import Watch
from models import CONFIGS, build_model, predict_alpha
from models.checkpoint import load_model, read_checkpoint, save_checkpoint
from models.inference import prepare
from models.losses import LOSSES, compute_losses
from P3MData.data_loader import P3MDataset
from tests.engine.tiny_run import TINY, command
from tests.engine.two_processes import fork_two
from tests.models import authors_stand_in
from utils.errors import InputError
from utils.images import read_alpha, read_photo, write_image
from utils.metrics import measure, overlap

HERE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def data_root(tmp_path_factory):
    """Three portraits in P3M-10K's layout, one of them for validation too."""
    root = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for split, names in {"train": "abc", "validation/P3M-500-P": "c"}.items():
        folder = root / "P3M-10K" / split
        for name in names:
            alpha = np.zeros((128, 128), np.uint8)
            alpha[30:110, 40:80] = 255
            alpha[30:110, 80:90] = random.integers(256, size=(80, 10))
            foreground, background = random.integers(256, size=(2, 128, 128, 3)).astype(np.uint8)
            a = alpha[..., None] / 255
            image = np.round(a * foreground + (1 - a) * background).astype(np.uint8)
            write_image(folder / "blurred_image" / f"{name}.png", image)
            write_image(folder / "mask" / f"{name}.png", alpha)
            if split == "train":
                write_image(folder / "fg" / f"{name}.png", foreground)
                write_image(folder / "bg" / f"{name}.png", background)
            else:
                trimap = np.where((alpha > 0) & (alpha < 255), 128, alpha)
                write_image(folder / "trimap" / f"{name}.png", trimap.astype(np.uint8))
    return root


@pytest.fixture
def run(data_root, monkeypatch):
    """Call train.py's main in this process, with the options of tiny_run.command."""
    monkeypatch.setitem(CONFIGS, "tiny", TINY)

    def call(train_dir, root=data_root, **options):
        monkeypatch.setattr(sys, "argv", ["train.py", *command(root, train_dir, **options)])
        return train.main()

    yield call
    torch.use_deterministic_algorithms(False)


def start(data_root, train_dir, *, processes=0, **options):
    """The same in a process of its own, or in several that it launches."""
    words = [HERE / "tiny_run.py", *command(data_root, train_dir, **options)]
    environment = os.environ | {
        "PYTHONPATH": str(HERE.parents[1]),
        "OMP_NUM_THREADS": "1",
        "LAUNCH": str(processes),
    }
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)


def curves(train_dir):
    """{name: {step: value}} of a run, as TensorBoard shows it."""
    events = EventAccumulator(str(train_dir / "logger"), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: {e.step: e.value for e in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def losses(train_dir):
    return {name: curve for name, curve in curves(train_dir).items() if name.startswith("loss/")}


def assert_same(a, b):
    """Bit for bit, through all levels."""
    assert type(a) is type(b)
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list | tuple):
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    else:
        assert a == b


def final(train_dir, step=6):
    checkpoint = read_checkpoint(train_dir / "logger" / f"{step:010d}.pth")
    del checkpoint["arguments"]
    return checkpoint


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_killed_and_resumed_equals_unbroken(run, data_root, tmp_path, optimizer):
    options = {"ema": 0.9, "clip": 1.0, "accumulate": 2, "num_workers": 1, "optimizer": optimizer}
    assert run(tmp_path / "whole", **options) == 0

    process = start(data_root, tmp_path / "killed", **options, max_steps=10**6)
    wait_for(tmp_path / "killed/logger/0000000003.pth", process)
    process.kill()
    process.wait()
    for later in sorted((tmp_path / "killed/logger").glob("0*.pth"))[1:]:
        later.unlink()  # it may have run on before the signal came
    time.sleep(1)  # TensorBoard reads files by the second in their names, then by process number

    assert run(tmp_path / "killed", **options, resume=True, max_steps=6) == 0
    assert_same(final(tmp_path / "killed"), final(tmp_path / "whole"))
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")


def test_a_larger_max_steps_goes_on_as_if_it_had_been_so_at_first(run, tmp_path, capsys):
    run(tmp_path / "whole", lr_steps=[2, 5])
    run(tmp_path / "two", lr_steps=[2, 5], max_steps=3)
    capsys.readouterr()
    run(tmp_path / "two", lr_steps=None, lr=None, resume=True, max_steps=6)
    assert "note" not in capsys.readouterr().out
    assert_same(final(tmp_path / "two"), final(tmp_path / "whole"))
    assert curves(tmp_path / "two")["train/learning_rate"] == pytest.approx(
        {1: 1e-3, 2: 1e-3, 3: 1e-4, 4: 1e-4, 5: 1e-4, 6: 1e-5}, rel=1e-5
    )


@pytest.mark.parametrize(("optimizer", "without"), [("adam", []), ("muon", ["coarse_trimap_16=0"])])
def test_two_processes_have_the_losses_of_one(run, data_root, tmp_path, optimizer, without):
    """Also where one head is not taught."""
    options = {"batch_size": 4, "freeze_bn": True, "max_steps": 4, "val_every": 4}
    options |= {"optimizer": optimizer, "loss_weights": ["alpha=1", *without]}
    process = start(data_root, tmp_path / "two", processes=2, **options)
    run(tmp_path / "one", **options)
    run(tmp_path / "parts", **options, accumulate=2)
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 0, said
    one, two, parts = (losses(tmp_path / name) for name in ("one", "two", "parts"))
    assert len(one) == 10 - len(without)
    for name, curve in one.items():
        assert list(curve) == [1, 2, 3, 4]
        assert two[name] == pytest.approx(curve, abs=1e-4), name
        assert parts[name] == pytest.approx(curve, abs=1e-4), name
    for name in ("SAD", "SAD_TRIMAP", "GRAD"):
        tag = f"validation/{name}"
        assert curves(tmp_path / "two")[tag] == pytest.approx(curves(tmp_path / "one")[tag], 1e-3)


def test_a_resumed_run_tells_when_the_data_changed(run, data_root, tmp_path, capsys):
    root = tmp_path / "data"
    shutil.copytree(data_root, root)
    run(tmp_path / "run", root=root, max_steps=1)
    for layer in (root / "P3M-10K/train").iterdir():
        (layer / "a.png").unlink()
    run(tmp_path / "run", root=root, max_steps=2, resume=True)
    assert "there were 3 portraits, now 2" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_save_and_leave_with_a_sentence(run, tmp_path, monkeypatch, capsys, number):
    add = Watch.add

    def interrupted(watch, *values):
        add(watch, *values)
        if watch.steps == 2:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Watch, "add", interrupted)
    before = signal.getsignal(number)
    assert run(tmp_path, log_every=100, save_every=100) == 128 + number
    path = tmp_path / "logger/0000000002.pth"
    said = capsys.readouterr().out
    assert f"stopped by {signal.Signals(number).name} after step 2; --resume goes on from" in said
    assert str(path) in said
    assert read_checkpoint(path)["step"] == 2
    assert signal.getsignal(number) == before


def test_the_newest_and_every_kth_checkpoint_are_kept(run, tmp_path):
    run(tmp_path, save_every=1, keep_last=2, keep_every=3)
    kept = sorted(path.name for path in (tmp_path / "logger").glob("*.pth"))
    assert kept == ["0000000003.pth", "0000000005.pth", "0000000006.pth"]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "another's"])
def test_a_broken_newest_checkpoint_falls_back_to_the_one_before(run, tmp_path, capsys, damage):
    run(tmp_path, max_steps=6)
    newest = tmp_path / "logger/0000000006.pth"
    whole = final(tmp_path)
    content = bytearray(newest.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    if damage == "another's":
        save_checkpoint(newest, load_model(tmp_path / "logger/0000000003.pth"))
    run(tmp_path, resume=True, max_steps=6)
    captured = capsys.readouterr()
    assert f"passed over: {newest}" in captured.err
    assert "steps 3 to 6" in captured.out
    assert_same(final(tmp_path), whole)


def test_when_no_checkpoint_is_whole_nothing_is_trained(run, tmp_path):
    run(tmp_path, max_steps=1)
    (tmp_path / "logger/0000000001.pth").write_bytes(b"")
    with pytest.raises(InputError, match="none of the checkpoints"):
        run(tmp_path, resume=True, max_steps=2)


def test_validation_keeps_the_best_and_averaged_weights_are_what_counts(run, tmp_path, capsys):
    run(tmp_path, val_every=2, ema=0.9, panel_every=6)
    told = capsys.readouterr().out
    seen = curves(tmp_path)["validation/SAD"]
    assert list(seen) == [2, 4, 6]
    best = read_checkpoint(tmp_path / "logger/best.pth")
    assert best["metrics"]["SAD"] == pytest.approx(min(seen.values()))
    assert f"0000000006.pth; best.pth: SAD {min(seen.values()):.4g}\n" in told
    assert seen[best["step"]] == pytest.approx(min(seen.values()))
    checkpoint = final(tmp_path)
    name = "refinement_network.head.bias"
    assert not torch.equal(checkpoint["ema"][name], checkpoint["model"][name])
    loaded = load_model(tmp_path / "logger/0000000006.pth").state_dict()
    assert torch.equal(loaded[name], checkpoint["ema"][name])


def test_validation_measures_the_weights_of_its_step(run, data_root, tmp_path):
    run(tmp_path, val_every=2, precision="fp32", freeze_bn=True)
    model = load_model(tmp_path / "logger/0000000006.pth")
    [sample] = P3MDataset(data_root, "P3M-500-P")
    alpha = predict_alpha(model, sample.image, fit="resize", precision="fp32")
    expected = measure(alpha, sample.alpha, sample.trimap)["SAD"]
    assert curves(tmp_path)["validation/SAD"][6] == pytest.approx(expected, rel=1e-5)


def test_the_record_holds_every_value(run, tmp_path):
    run(tmp_path, max_steps=1, loss_weights=["alpha=2", "laplacian=0.5"])
    record = json.loads((tmp_path / "arguments.json").read_text())
    assert record["lr"] == 1e-3
    assert record["weight_decay"] == 1e-6
    assert record["loss_weights"] == [["alpha", 2.0], ["laplacian", 0.5]]
    assert read_checkpoint(tmp_path / "logger/0000000001.pth")["arguments"] == record


def test_loss_weights_weigh_the_total(run, tmp_path):
    run(tmp_path, max_steps=1, loss_weights=["alpha=2", "coarse_alpha_8=0", "composite=0"])
    values = {name.removeprefix("loss/"): curve[1] for name, curve in losses(tmp_path).items()}
    total = values.pop("total")
    assert set(LOSSES) - values.keys() == {"coarse_alpha_8", "composite"}  # not even computed
    expected = sum(values.values()) + values["alpha"]
    assert total == pytest.approx(expected, rel=1e-5)


def test_fine_tuning_begins_with_the_weights_and_keeps_frozen_statistics(run, tmp_path):
    run(tmp_path / "first", max_steps=2)
    run(
        tmp_path / "second",
        init=tmp_path / "first/logger/0000000002.pth",
        no_pretrained=None,
        freeze_bn=True,
        max_steps=1,
        lr=1e-9,
    )
    first, second = final(tmp_path / "first", 2)["model"], final(tmp_path / "second", 1)["model"]
    for name, values in first.items():
        if "running" in name or "num_batches" in name:
            assert torch.equal(second[name], values)
        else:
            torch.testing.assert_close(second[name], values, atol=1e-7, rtol=0)


def test_the_authors_checkpoint_can_be_fine_tuned(tmp_path):
    torch.save(authors_stand_in.checkpoint(1), tmp_path / "authors.pth")
    options = {"model_version": "model", "init": tmp_path / "authors.pth", "no_pretrained": None}
    settings = parse_arguments("", command(tmp_path, tmp_path / "run", **options))
    begun = train.initial_model(settings.network).state_dict()
    assert_same(begun, load_model(tmp_path / "authors.pth").state_dict())


def test_init_with_another_network_is_refused(run, tmp_path):
    run(tmp_path / "first", max_steps=1)
    checkpoint = tmp_path / "first/logger/0000000001.pth"
    with pytest.raises(InputError, match=r"0000000001\.pth holds .*--model_version"):
        run(tmp_path / "second", init=checkpoint, no_pretrained=None, no_attention=True)


def test_the_coarse_network_of_another_configuration_begins_an_ablation(run, tmp_path):
    run(tmp_path / "first", max_steps=1)
    checkpoint = tmp_path / "first/logger/0000000001.pth"
    options = {"no_pretrained": None, "init_coarse": checkpoint, "max_steps": 1, "lr": 1e-9}
    run(tmp_path / "second", no_attention=True, **options)
    first, second = final(tmp_path / "first", 1)["model"], final(tmp_path / "second", 1)["model"]
    assert not any("attention.position" in name for name in second)
    for name, values in second.items():
        same = torch.allclose(first[name], values, atol=1e-7)
        assert same or not name.startswith("coarse_network")
    head = "refinement_network.head.weight"
    assert not torch.allclose(first[head], second[head], atol=1e-4)
    with pytest.raises(InputError, match=r"--init_coarse .*--model_version"):
        run(tmp_path / "third", model_version="demo", **options)


def test_a_frozen_coarse_network_stays_while_the_refinement_learns(run, tmp_path):
    run(tmp_path / "first", max_steps=1)
    checkpoint = tmp_path / "first/logger/0000000001.pth"
    options = {"no_pretrained": None, "init": checkpoint, "freeze_coarse": True, "val_every": 1}
    run(tmp_path / "second", max_steps=2, **options)
    first, second = final(tmp_path / "first", 1)["model"], final(tmp_path / "second", 2)["model"]
    for name, values in second.items():
        assert torch.equal(first[name], values) == name.startswith("coarse_network"), name
    run(tmp_path / "unbroken", max_steps=3, **options)
    run(tmp_path / "second", resume=True, max_steps=3, no_pretrained=None)
    unbroken, resumed = (final(tmp_path / name, 3)["model"] for name in ("unbroken", "second"))
    assert all(torch.equal(unbroken[name], values) for name, values in resumed.items())


def test_recombining_without_scenes_is_refused(run, tmp_path):
    with pytest.raises(InputError, match=r"--backgrounds.*--replace_share"):
        run(tmp_path, recombine=True, replace_share=0)


def test_ablations_train(run, tmp_path):
    for number, option in enumerate(("no_attention", "no_refinement")):
        folder = tmp_path / option
        run(folder, max_steps=1, **{option: True})
        config = load_model(folder / "logger/0000000001.pth").config
        assert (config.cross_region_attention, config.refinement)[number] is False


def test_a_loss_that_is_not_finite_names_the_files(run, tmp_path):
    with pytest.raises(InputError, match=r"step \d: the loss is .* the batch was [abc]"):
        run(tmp_path, lr=1e9, max_steps=6)


def test_a_batch_names_scenes_and_second_people(run, tmp_path):
    write_image(tmp_path / "scenes/sea.png", np.zeros((128, 128, 3), np.uint8))
    options = {"replace_share": 1, "backgrounds": tmp_path / "scenes", "recombine": True}
    with pytest.raises(InputError, match=r"the batch was [abc] before sea\.png"):
        run(tmp_path / "run", lr=1e9, **options)


def test_a_write_that_fails_half_way_loses_nothing(run, tmp_path, monkeypatch):
    run(tmp_path / "whole")
    save = torch.save

    def break_off(entries, file):
        save(entries, file)
        if entries["step"] == 6:
            file.truncate(file.tell() // 2)
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", break_off)
        with pytest.raises(OSError, match="No space left"):
            run(tmp_path / "broken")
    files = [path.name for path in (tmp_path / "broken/logger").iterdir() if path.suffix == ".pth"]
    assert files == ["0000000003.pth"]
    run(tmp_path / "broken", resume=True)
    assert_same(final(tmp_path / "broken"), final(tmp_path / "whole"))


def with_a_second_photo(data_root, root):
    """A copy of the data with two photos to validate on, c and d."""
    shutil.copytree(data_root, root)
    for layer in (root / "P3M-10K/validation/P3M-500-P").iterdir():
        shutil.copy(layer / "c.png", layer / "d.png")
    return root


def test_a_signal_during_validation_saves_too(run, data_root, tmp_path, monkeypatch, capsys):
    root = with_a_second_photo(data_root, tmp_path / "data")

    def interrupted(*values):
        os.kill(os.getpid(), signal.SIGTERM)
        return measure(*values)

    monkeypatch.setattr("engine.training.loop.measure", interrupted)
    assert run(tmp_path / "run", root=root, val_every=2, save_every=100) == 128 + signal.SIGTERM
    assert "stopped by SIGTERM after step 2" in capsys.readouterr().out
    assert read_checkpoint(tmp_path / "run/logger/0000000002.pth")["step"] == 2
    assert "validation/SAD" not in curves(tmp_path / "run")


def test_a_broken_validation_photo_is_left_out_and_told(run, data_root, tmp_path, capsys):
    root = with_a_second_photo(data_root, tmp_path / "data")
    folder = root / "P3M-10K/validation/P3M-500-P"
    (folder / "blurred_image/d.png").write_bytes(b"")
    run(tmp_path / "run", root=root, max_steps=2, val_every=2)
    assert "left out of the validation:" in capsys.readouterr().err
    run(tmp_path / "whole", max_steps=2, val_every=2)
    found, expected = (curves(tmp_path / n)["validation/SAD"] for n in ("run", "whole"))
    assert found == expected
    (folder / "blurred_image/c.png").write_bytes(b"")
    with pytest.raises(InputError, match="not one file of the validation"):
        run(tmp_path / "none", root=root, max_steps=2, val_every=2)


def test_the_size_that_a_checkpoint_asks_for_outlives_fine_tuning(run, tmp_path):
    model = build_model(TINY)
    model.max_area = 4096
    save_checkpoint(tmp_path / "small.pth", model)
    options = {"no_pretrained": None, "ema": 0.9}
    run(tmp_path / "run", init=tmp_path / "small.pth", max_steps=1, **options)
    run(tmp_path / "run", resume=True, max_steps=2, no_pretrained=None)
    assert load_model(tmp_path / "run/logger/0000000002.pth").max_area == 4096
    run(tmp_path / "other", init_coarse=tmp_path / "small.pth", max_steps=1, **options)
    assert load_model(tmp_path / "other/logger/0000000001.pth").max_area == 4096


def test_a_run_is_resumed_with_the_network_it_began_with(run, tmp_path, monkeypatch):
    run(tmp_path, max_steps=1)
    monkeypatch.setitem(CONFIGS, "tiny", replace(TINY, decoder_widths=(16, 16, 16)))
    run(tmp_path, resume=True, max_steps=2)
    assert load_model(tmp_path / "logger/0000000002.pth").config == TINY


def test_a_checkpoint_of_another_version_is_told_of_in_a_sentence(run, tmp_path):
    run(tmp_path, max_steps=1)
    newest = tmp_path / "logger/0000000001.pth"
    checkpoint = torch.load(newest)
    checkpoint["config"] |= {"wings": 2}
    torch.save(checkpoint, newest)
    with pytest.raises(InputError, match=r"0000000001\.pth: its `config` has settings .*: wings"):
        run(tmp_path, resume=True, max_steps=2)


def test_weights_alone_are_no_checkpoint_to_go_on_from(run, tmp_path, capsys):
    run(tmp_path, max_steps=2, save_every=1, val_every=1)
    shutil.copy(tmp_path / "logger/best.pth", tmp_path / "logger/0000000009.pth")
    checkpoint = torch.load(tmp_path / "logger/0000000002.pth")
    torch.save(checkpoint | {"arguments": None}, tmp_path / "logger/0000000008.pth")
    run(tmp_path, resume=True, max_steps=3)
    said = capsys.readouterr()
    assert "0000000008.pth: its `arguments` are no table; no run wrote it" in said.err
    assert "0000000009.pth holds no optimizer; no run wrote it" in said.err
    assert "steps 2 to 3" in said.out


def test_compiling_changes_nothing(run, tmp_path, monkeypatch):
    compiled = []

    def quickly(module, **options):  # the graph is captured, but no code is made of it
        compiled.append(options)
        module._compiled_call_impl = torch.compile(module._call_impl, backend="eager", **options)

    monkeypatch.setattr(torch.nn.Module, "compile", quickly)
    options = {"max_steps": 2, "precision": "fp32"}
    run(tmp_path / "plain", **options)
    run(tmp_path / "compiled", **options, compile=True)
    assert compiled == [{"dynamic": False}]
    plain, made = (losses(tmp_path / name)["loss/total"] for name in ("plain", "compiled"))
    assert made == pytest.approx(plain, rel=1e-5)


def test_a_crop_that_the_network_cannot_take_is_refused(run, tmp_path):
    with pytest.raises(InputError, match="--crop_size 192 is no multiple of 128"):
        run(tmp_path / "run", crop_size=192)


@pytest.fixture(scope="module")
def portraits(data_root, tmp_path_factory):
    """Two folders of one's own portraits and a table that splits the first."""
    root = tmp_path_factory.mktemp("own")
    for folder, names in (("real", "ab"), ("other", "c")):
        for name in names:
            for layer, source in (("image", "blurred_image"), ("alpha", "mask")):
                target = root / folder / layer / f"{name}.png"
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(data_root / f"P3M-10K/train/{source}/{name}.png", target)
    (root / "table.csv").write_text("name,split\na,train\nb,val\n")
    return root


def test_portraits_of_several_folders_count_as_often_as_told(portraits, tmp_path):
    folders = [portraits / "real", portraits / "other"]
    words = command(tmp_path, tmp_path / "run", no_p3m=True, portraits=folders)
    words += ["--portrait_repeat", "2", "3", "--split", f"{portraits}/table.csv:train"]
    words += ["--edge_weight", "0.25", "0"]
    words[words.index("tiny")] = "demo"
    settings = parse_arguments("", words)
    for part in open_portraits(settings.data):
        part.solve()
    dataset = open_training_set(settings)
    assert dataset.samples.names == ["a", "a", "c", "c", "c"]
    assert {dataset[i]["name"]: dataset[i]["edge_weight"] for i in range(5)} == {"a": 0.25, "c": 0}


def test_edges_that_do_not_count_have_no_loss_at_full_size(run, portraits, tmp_path):
    options = {"no_p3m": True, "portraits": [portraits / "real"], "max_steps": 2}
    run(tmp_path / "all", **options)
    run(tmp_path / "none", **options, edge_weight=0)
    for term in ("alpha", "composite", "laplacian"):
        assert (
            next(iter(curves(tmp_path / "none")[f"loss/{term}"].values()))
            == 0
            < next(iter(curves(tmp_path / "all")[f"loss/{term}"].values()))
        )
    names = [f"loss/coarse_alpha_{stride}" for stride in (32, 16, 8)]
    assert [next(iter(curves(tmp_path / "all")[n].values())) for n in names] == [
        next(iter(curves(tmp_path / "none")[n].values())) for n in names
    ]


def test_weights_that_do_not_fit_name_the_flags_that_help(run, tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"other\.pth.*\(--pretrained_file FILE or --no_pret"):
        run(tmp_path / "run", pretrained_file=tmp_path / "other.pth", no_pretrained=None)


def test_ones_own_portraits_can_be_what_validation_measures(run, portraits, tmp_path):
    own = {"val_portraits": [portraits / "real"], "val_split": f"{portraits}/table.csv:val"}
    small = build_model(TINY)
    small.max_area = 400
    save_checkpoint(tmp_path / "small.pth", small)
    own |= {"init": tmp_path / "small.pth", "no_pretrained": None}
    run(tmp_path / "run", max_steps=2, val_every=1, **own)
    found = list(curves(tmp_path / "run")["validation/IoU"].values())
    assert len(found) == 2 and all(0 <= value <= 1 for value in found)
    model = load_model(tmp_path / "run/logger/0000000002.pth")
    alpha = read_alpha(portraits / "real/alpha/b.png")
    predicted = predict_alpha(model, read_photo(portraits / "real/image/b.png"), precision="fp32")
    assert found[-1] == pytest.approx(overlap(predicted, alpha), abs=1e-3)


def test_frozen_early_stages_stay_while_the_rest_learns(run, tmp_path, monkeypatch):
    small = replace(
        TINY, backbone="tf_efficientnet_lite0", decoder_widths=(8, 8),
        embed_dim=None, depths=None, num_heads=None,
    )  # fmt: skip
    monkeypatch.setitem(CONFIGS, "tiny", small)
    run(tmp_path / "run", max_steps=1, save_every=1, freeze_early=True, crop_size=96)
    run(tmp_path / "run", max_steps=2, save_every=1, resume=True, crop_size=None, freeze_early=None)
    before, after = (
        load_model(tmp_path / f"run/logger/{step:010d}.pth").coarse_network.backbone
        for step in (1, 2)
    )
    early = [
        id(p) for stage in after.early_stages() for p in stage.state_dict(keep_vars=True).values()
    ]
    changed = [0, 0]
    pairs = zip(
        before.state_dict().values(), after.state_dict(keep_vars=True).values(), strict=True
    )
    for old, new in pairs:
        changed[id(new) in early] += not torch.equal(old, new)
    assert changed[0] > 50 and changed[1] == 0


def test_early_stages_that_are_not_there_are_told(run, tmp_path):
    with pytest.raises(InputError, match="freeze_early is not for swin_tiny"):
        run(tmp_path / "run", freeze_early=True)


def out_of_memory(*_, **__):
    raise torch.OutOfMemoryError("CUDA out of memory.")


def test_a_step_too_large_for_memory_is_told(run, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.training.step.compute_losses", out_of_memory)
    with pytest.raises(
        InputError, match=r"^step 0 does not fit into the GPU's memory; lower --batch_size or "
    ):
        run(tmp_path)


def test_a_photo_too_large_to_validate_on_is_told_and_the_step_is_saved(run, tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(InputError) as told:
        patch.setattr("engine.training.loop.predict_at", out_of_memory)
        run(tmp_path, val_every=2, save_every=100)
    assert str(told.value) == (
        "c, to validate on, does not fit into the GPU's memory; go on with --resume --val_every 0"
    )
    assert final(tmp_path, 2)["step"] == 2
    run(tmp_path, resume=True, val_every=0)
    run(tmp_path.with_name("whole"))
    assert_same(final(tmp_path)["model"], final(tmp_path.with_name("whole"))["model"])


class Overflowing:
    """Prepares a network for fp16 whose weights are too large for that, the first time."""

    def __init__(self, rank=0):
        self.calls, self.rank = 0, rank

    def __call__(self, model, precision, **options):
        self.calls += 1
        if self.calls > 1 or (dist.is_initialized() and dist.get_rank() != self.rank):
            return prepare(model, precision, **options)
        network = prepare(model, "fp16", **options)
        for parameter in network.parameters():
            parameter.data.fill_(1000)
        return network


def test_a_validation_that_overflows_is_told_and_left_out(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("engine.training.loop.prepare", Overflowing())
    assert run(tmp_path / "run", val_every=3) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "validation" in line]
    assert len(said) == 1
    assert "c is not finite" in said[0] and "--precision" in said[0]
    assert list(curves(tmp_path / "run")["validation/SAD"]) == [6]
    assert read_checkpoint(tmp_path / "run/logger/best.pth")["step"] == 6
    run(tmp_path / "whole")
    assert_same(final(tmp_path / "run")["model"], final(tmp_path / "whole")["model"])


def test_a_validation_that_overflows_in_one_process_goes_on_in_both(
    data_root, tmp_path, monkeypatch
):
    root = with_a_second_photo(data_root, tmp_path / "data")
    monkeypatch.setitem(CONFIGS, "tiny", TINY)
    monkeypatch.setattr("engine.training.loop.prepare", Overflowing(rank=1))
    words = command(root, tmp_path / "run", max_steps=2, val_every=1)
    monkeypatch.setattr(sys, "argv", ["train.py", *words])
    statuses, said = fork_two(train.main, tmp_path / "said")
    assert statuses == [0, 0], said
    assert said.count("is not finite") == 1
    assert list(curves(tmp_path / "run")["validation/SAD"]) == [2]


def test_a_validation_that_fails_in_one_process_ends_both(data_root, tmp_path, monkeypatch):
    root = with_a_second_photo(data_root, tmp_path / "data")
    monkeypatch.setitem(CONFIGS, "tiny", TINY)
    monkeypatch.setattr(
        "engine.training.loop.predict_at",
        lambda *values, **named: (
            out_of_memory() if dist.get_rank() else predict_at(*values, **named)
        ),
    )
    words = command(root, tmp_path / "run", max_steps=1, val_every=1)
    monkeypatch.setattr(sys, "argv", ["train.py", *words])
    statuses, said = fork_two(train.main, tmp_path / "said")
    assert statuses == [2, 2]
    assert said.count("error: d, to validate on, does not fit into the GPU's memory") == 1
    assert "Traceback" not in said
    assert final(tmp_path / "run", 1)["step"] == 1


@pytest.mark.parametrize("rank", [0, 1])
def test_a_step_that_fails_in_one_process_ends_both(data_root, tmp_path, monkeypatch, rank):
    monkeypatch.setitem(CONFIGS, "tiny", TINY)
    monkeypatch.setattr(
        "engine.training.step.compute_losses",
        lambda *values: out_of_memory() if dist.get_rank() == rank else compute_losses(*values),
    )
    words = command(data_root, tmp_path / "run", max_steps=3)
    monkeypatch.setattr(sys, "argv", ["train.py", *words])
    statuses, said = fork_two(train.main, tmp_path / "said")
    assert statuses == [2, 2]
    assert said.count("error: step 0 does not fit into the GPU's memory") == 1
    assert "Traceback" not in said


def test_a_data_process_that_dies_during_a_step_is_told(run, tmp_path, monkeypatch):
    def killed(*_):  # PyTorch raises it wherever the signal finds the main thread
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")

    monkeypatch.setattr("engine.training.loop.train_step", killed)
    with pytest.raises(InputError, match="a data process was killed"):
        run(tmp_path)


@pytest.mark.parametrize(
    ("options", "steps"),
    [({}, 4), ({"log_every": 3}, 3), ({"save_every": 3}, 3), ({"val_every": 3}, 3)],
)
def test_a_loss_is_read_one_step_late_but_before_anything_is_made_of_it(
    run, tmp_path, monkeypatch, options, steps
):
    calls = []

    def broken_third(*values):
        terms = compute_losses(*values)
        calls.append(len(calls))
        if len(calls) == 3:
            terms["alpha"] = terms["alpha"] * torch.nan
        return terms

    monkeypatch.setattr("engine.training.step.compute_losses", broken_third)
    every = {"log_every": 100, "save_every": 100, "val_every": 0}
    with pytest.raises(InputError, match=r"^step 2: the loss is nan .* the batch was [abc]"):
        run(tmp_path, max_steps=5, **every | options)
    assert len(calls) == steps
    assert not list((tmp_path / "logger").glob("*.pth"))
    assert not losses(tmp_path)


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_statistics_are_sent_round_only_where_they_differ(monkeypatch, kind):
    given = {}
    monkeypatch.setattr(
        optimisation, "DistributedDataParallel", lambda model, **options: given.update(options)
    )
    model = build_model(TINY)
    optimisation.make_network(model, Processes(0, 2, torch.device(kind)), compile=False)
    shared = any(isinstance(module, torch.nn.SyncBatchNorm) for module in model.modules())
    assert given["broadcast_buffers"] == (not shared) == (kind == "cpu")
