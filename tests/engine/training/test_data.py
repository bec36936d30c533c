import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from data.training_set import TrainingSet
from engine.distributed import Processes
from engine.training import data as batches
from engine.training.arguments import Data, RunSettings, parse_arguments
from engine.training.data import (
    Mixture,
    _tell_of_errors,
    count_workers,
    make_batches,
    to_device,
)
from tests.stand_ins import in_memory
from utils.errors import InputError
from utils.trimap import trimap_from_alpha

CPU = torch.device("cpu")


def settings(**changes):
    values = {
        "train_dir": "run",
        "batch_size": 8,
        "accumulate": 2,
        "max_steps": 3,
        "num_workers": 0,
    }
    return RunSettings.of(values | changes)


SETTINGS = settings()


class Drawn:
    """Portraits whose every pixel says which one it is."""

    def __init__(self, names):
        self.names = list(names)

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        photo = np.full((128, 128, 3), 10 * index, np.uint8)
        alpha = np.zeros((128, 128), np.uint8)
        return in_memory(self.names[index], photo, alpha, photo, photo)

    def stored(self, index):
        return self[index]


@pytest.fixture
def dataset():
    return TrainingSet(Drawn("abcde"), crop_size=128)


@pytest.mark.parametrize(("words", "ellipse"), [([], 7), (["--trimap_ellipse", "21"], 21)])
def test_training_trimaps_are_as_wide_as_told(tmp_path, monkeypatch, words, ellipse):
    class Striped(Drawn):
        def __getitem__(self, index):
            sample = super().__getitem__(index)
            sample.layer("alpha")[:, 48:80] = 255
            return sample

    monkeypatch.setattr(batches, "P3MDataset", lambda root, split: Striped("abc"))
    argv = ["--train_dir", str(tmp_path / "run"), "--data_root", str(tmp_path), *words]
    argv += ["--crop_size", "128", "--augmentation", "V1", "--no_pretrained"]
    item = batches.open_training_set(parse_arguments("", argv))[0]
    expected = trimap_from_alpha(item["alpha"][0].numpy(), ellipse)
    assert np.array_equal(item["trimap"][0].numpy(), expected)
    assert (expected == 128).any()


def test_what_scenes_and_portraits_lie_among_is_told(tmp_path, capsys):
    for name in ("scenes/a.png", "scenes/a.webp", "mine/image/a.jpg", "mine/alpha/a.npy"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "scenes/notes.txt").touch()
    scenes = TrainingSet(Drawn("ab"), backgrounds=tmp_path / "scenes")
    assert len(scenes.scenes) == 2
    batches.tell_leftovers(scenes, Data(portraits=(tmp_path / "mine",)))
    assert capsys.readouterr().out == (
        f"passed over in {tmp_path}/mine/alpha: 1 .npy\npassed over in {tmp_path}/scenes: 1 .txt\n"
    )


def test_a_mixture_counts_each_part_as_often_as_told():
    mixture = Mixture([(Drawn("ab"), 1, 1.0), (Drawn("c"), 3, 1.0)])
    assert len(mixture) == 5
    assert mixture.names == ["a", "b", "c", "c", "c"]
    assert [mixture[i].name for i in range(5)] == mixture.names


def test_a_mixture_can_keep_what_it_has_read():
    class Counted(Drawn):
        reads = 0

        def __getitem__(self, index):
            self.reads += 1
            return super().__getitem__(index)

    once, each_time = Counted("ab"), Counted("ab")
    for part, keep in ((once, True), (each_time, False)):
        mixture = Mixture([(part, 3, 1.0)], keep)
        assert [mixture[i].name for i in range(6)] == mixture.names
    assert (once.reads, each_time.reads) == (2, 6)


def seeds_by_step(dataset, processes, start=0):
    """One list of sample seeds a step, sorted, of all processes together."""
    steps = {}
    for rank in range(processes):
        batches = make_batches(dataset, SETTINGS, Processes(rank, processes, CPU), start)
        for number, batch in enumerate(batches):
            assert batch["image"].shape == (8 // processes // 2, 3, 128, 128)
            steps.setdefault(start + number // 2, []).extend(batch["seed"].tolist())
    return {step: sorted(seeds) for step, seeds in steps.items()}


def test_every_step_holds_the_same_samples_however_many_processes_share_it(dataset):
    alone = seeds_by_step(dataset, 1)
    assert list(alone) == [0, 1, 2]
    assert len({seed for seeds in alone.values() for seed in seeds}) == 24
    assert seeds_by_step(dataset, 4) == alone


def test_a_resumed_run_goes_on_in_the_data(dataset):
    assert seeds_by_step(dataset, 2, start=1) == {
        step: seeds for step, seeds in seeds_by_step(dataset, 1).items() if step
    }


def test_noise_depends_on_the_sample_alone(dataset):
    [whole] = make_batches(dataset, settings(accumulate=1, max_steps=1), alone(), 0)
    parts = list(make_batches(dataset, settings(max_steps=1), alone(), 0))
    noise = torch.cat([to_device(part, CPU)["noise"] for part in parts])
    assert torch.equal(to_device(whole, CPU)["noise"], noise)
    assert noise.shape == (8, 1, 16, 16)
    assert len(noise.unique()) > 2000


def alone():
    return Processes(0, 1, CPU)


def test_layers_come_as_floats_and_the_trimap_as_it_is(dataset):
    batch = to_device(next(make_batches(dataset, SETTINGS, alone(), 0)), CPU)
    for layer in ("image", "foreground", "background", "alpha"):
        assert batch[layer].dtype == torch.float32
        assert 0 <= batch[layer].min() <= batch[layer].max() <= 1
    assert batch["trimap"].dtype == torch.uint8


def test_splits_that_do_not_work_out_are_refused(dataset):
    with pytest.raises(InputError, match="--batch_size 8 can't be split"):
        make_batches(dataset, SETTINGS, Processes(0, 3, CPU), 0)


def test_more_processes_than_portraits_share_them():
    few = TrainingSet(Drawn("ab"), crop_size=128)
    assert len(seeds_by_step(few, 4)[0]) == 8


@pytest.mark.parametrize(
    ("cores", "wanted", "device", "workers"),
    [(2, None, "cpu", 1), (16, None, "cpu", 4), (2, 0, "cpu", 0), (16, None, "cuda", 16)],
)
def test_data_processes_leave_a_cpu_to_the_network(monkeypatch, cores, wanted, device, workers):
    monkeypatch.setattr(batches, "count_cores", lambda: cores)
    assert count_workers(wanted, Processes(0, 1, torch.device(device))) == workers


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), "--keep_data"),
        (RuntimeError("DataLoader worker (pid(s) 7, 8) exited unexpectedly"), "--keep_data"),
        (
            RuntimeError("DataLoader worker (pid 7) exited unexpectedly with exit code 3. Details"
                         " are lost due to multiprocessing."),
            "exited unexpectedly with exit code 3; see why with --num_workers 0",
        ),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Segmentation fault. "),
            "killed by signal: Segmentation fault; see why with --num_workers 0",
        ),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible"
                         " that dataloader's workers are out of shared memory. Please try to raise"
                         " your shared memory limit."),
            "/dev/shm; .*--shm-size.*--ipc=host",
        ),
        (
            RuntimeError("Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback:"
                         "\nRuntimeError: unable to allocate shared memory(shm) for file"
                         " </torch_7_1_2>: No space left on device (28)\n"),
            "/dev/shm; .*--shm-size.*--ipc=host",
        ),
        (
            RuntimeError("Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback:"
                         "\nRuntimeError: unable to write to file </torch_7_1_2>: No space left on"
                         " device (28)\n"),
            "/dev/shm",
        ),
        (
            RuntimeError("Caught _ArrayMemoryError in DataLoader worker process 0.\nOriginal"
                         " Traceback:\nnumpy._core._exceptions._ArrayMemoryError: Unable to"),
            "^a sample does not fit into memory; lower --num_workers",
        ),
        (
            PermissionError("Caught PermissionError in DataLoader worker process 0.\nTraceback:\n"
                            "PermissionError: [Errno 13] Permission denied: 'a.png'\n"),
            r"^\[Errno 13\] Permission denied: 'a.png'$",
        ),
        (
            InputError("Caught InputError in DataLoader worker process 0.\nTraceback:\n"
                       "utils.errors.InputError: not one file can be read\n"),
            "^not one file can be read$",
        ),
    ],
)  # fmt: skip
def test_what_data_processes_raise_becomes_a_sentence(error, words):
    def broken():
        yield {"name": ["a"]}
        raise error

    batches = _tell_of_errors(broken())
    assert next(batches) == {"name": ["a"]}
    with pytest.raises(InputError, match=words):
        next(batches)


class Faulty(Drawn):
    """Portraits none of which can be had."""

    def __init__(self, fail):
        super().__init__("abcde")
        self.fail = fail

    def __getitem__(self, index):
        self.fail()


def fault_of_ours():
    raise RuntimeError("The size of tensor a (3) must match the size of tensor b (4)")


@pytest.mark.parametrize("workers", [0, 1])
def test_other_faults_keep_their_kind_and_words(workers):
    dataset, given = TrainingSet(Faulty(fault_of_ours)), settings(num_workers=workers)
    with pytest.raises(RuntimeError, match=r"(?s)in fault_of_ours.*The size of tensor a|^The size"):
        next(make_batches(dataset, given, alone(), 0))


FAULT = """
import torch
from engine.distributed import Processes
from tests.engine.training.test_data import Drawn, TrainingSet, make_batches, settings

dataset = TrainingSet(Drawn("abcde"), crop_size=128)
batches = make_batches(
    dataset, settings(num_workers=1), Processes(0, 1, torch.device("cpu")), 0
)
next(batches)
raise RuntimeError("ours")
"""


def test_a_fault_ends_the_script_with_its_data_processes():
    done = subprocess.run(
        [sys.executable, "-c", FAULT], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 1
    assert done.stderr.endswith("RuntimeError: ours\n")


@pytest.mark.parametrize(
    ("fail", "words"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "lack of memory; lower --num_workers"),
        (lambda: os.kill(os.getpid(), signal.SIGBUS), "--shm-size=8g or --ipc=host"),
        (lambda: os._exit(3), "a data process exited unexpectedly"),
    ],
)
def test_how_a_data_process_died_is_told(fail, words):
    dataset, given = TrainingSet(Faulty(fail)), settings(num_workers=1)
    with pytest.raises(InputError, match=words):
        next(make_batches(dataset, given, alone(), 0))
