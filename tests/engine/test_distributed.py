import os
import signal
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from engine import distributed
from engine.distributed import Processes, choose_gpus, gpus_to_launch, join, launch
from tests.engine.two_processes import fork_two
from utils.errors import InputError


@pytest.fixture
def machine(monkeypatch):
    """Pretend that PyTorch sees a number of GPUs."""

    def set_gpus(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return set_gpus


def test_without_a_choice_all_gpus_or_the_cpu(machine):
    machine(3)
    assert choose_gpus(None) == [0, 1, 2]
    assert choose_gpus([]) == []
    machine(0)
    assert choose_gpus(None) == []


@pytest.mark.parametrize("there, asked, said", [(0, [0], "no GPU"), (2, [0, 2], "GPUs 0 to 1")])
def test_a_gpu_that_does_not_exist_is_refused(machine, there, asked, said):
    machine(there)
    with pytest.raises(InputError, match=f"--gpus {asked[-1]}: .*{said}"):
        choose_gpus(asked)


def test_a_gpu_named_twice_is_refused(machine):
    machine(2)
    with pytest.raises(InputError, match="twice"):
        choose_gpus([1, 1])


def test_only_several_gpus_outside_torchrun_are_launched(machine, monkeypatch):
    machine(2)
    assert gpus_to_launch(None) == [0, 1]
    assert gpus_to_launch([1]) == []
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert gpus_to_launch(None) == []


def test_more_processes_than_gpus_are_refused(machine, monkeypatch):
    machine(1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="nproc_per_node"), join(None):
        pass


@pytest.mark.parametrize(
    "rest", [{}, {"RANK": "first", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}]
)
def test_half_an_environment_of_torchrun_is_refused(machine, monkeypatch, rest):
    machine(0)
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"LOCAL_RANK": "0", "WORLD_SIZE": "1"} | rest).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="LOCAL_RANK and WORLD_SIZE"), join(None):
        pass


def test_shares_are_disjoint_and_complete():
    items = list(range(7))
    shares = [Processes(rank, 3, torch.device("cpu")).share(items) for rank in range(3)]
    assert sorted(item for share in shares for item in share) == items


def test_one_process_agrees_with_itself():
    with join([]) as alone:
        assert (alone.rank, alone.count, alone.device.type) == (0, 1, "cpu")
        assert alone.gather("a") == ["a"]
        assert (alone.any(True), alone.any(False)) == (True, False)


def test_what_the_main_process_finds_reaches_all(monkeypatch):
    device = torch.device("cpu")
    assert Processes(0, 1, device).from_main(lambda: 3) == 3
    monkeypatch.setattr(Processes, "gather", lambda self, value: [4, value])
    assert Processes(1, 2, device).from_main(lambda: pytest.fail("not here")) == 4


def test_a_mistake_that_the_main_process_finds_is_told_once(tmp_path):
    def mistake():
        raise InputError("no such folder")

    def main():
        with join([]) as processes:
            processes.from_main(mistake)

    assert fork_two(main, tmp_path / "said") == ([2, 2], "error: no such folder\n")


def fail_in(rank, error, *, others=lambda processes: processes.gather(None)):
    """A script in which one process raises and the other ones wait for it."""

    def main():
        with join([]) as processes:
            if rank in (processes.rank, "both"):
                raise error
            others(processes)

    return main


@pytest.mark.parametrize("rank", [0, 1, "both"])
def test_a_mistake_in_one_process_ends_both_and_is_told_once(rank, tmp_path):
    statuses, said = fork_two(fail_in(rank, InputError("a.png is broken")), tmp_path / "said")
    assert statuses == [2, 2]
    assert said == "error: a.png is broken\n"


def test_a_mistake_is_told_before_the_group_is_destroyed(tmp_path, monkeypatch):
    destroy = dist.destroy_process_group

    def told_of():
        print("destroyed", flush=True)
        destroy()

    monkeypatch.setattr(dist, "destroy_process_group", told_of)
    _, said = fork_two(fail_in(1, OSError("disk full")), tmp_path / "said")
    assert said == "error: disk full\ndestroyed\ndestroyed\n"


def test_a_fault_of_ours_keeps_its_traceback_alone(tmp_path):
    statuses, said = fork_two(fail_in(0, KeyError("ours")), tmp_path / "said")
    assert statuses == [1, 2]
    assert said.count("Traceback") == 1
    assert said.endswith("KeyError: 'ours'\n")


def test_a_process_that_was_killed_is_missed_in_a_sentence(tmp_path):
    def main():
        with join([]) as processes:
            if processes.rank == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            processes.any(False)

    statuses, said = fork_two(main, tmp_path / "said")
    assert statuses == [2, -signal.SIGKILL]
    assert said == "error: process 0 lost another one: it was killed, or its machine is gone\n"


def test_waiting_has_a_limit_that_is_told_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(distributed, "PATIENCE", timedelta(seconds=1))

    def main():
        with join([]) as processes:
            if processes.rank == 1:
                time.sleep(2)
            processes.gather(None)

    statuses, said = fork_two(main, tmp_path / "said")
    assert statuses == [2, 2]
    assert said.startswith("error: process 0 waited more than 0.0166667 minutes for another one")
    assert said.count("\n") == 1


def test_what_the_main_process_does_alone_may_take_longer(tmp_path, monkeypatch):
    monkeypatch.setattr(distributed, "PATIENCE", timedelta(seconds=1))

    def main():
        with join([]) as processes:
            assert processes.from_main(lambda: time.sleep(2) or 5) == 5

    assert fork_two(main, tmp_path / "said") == ([0, 0], "")


@pytest.mark.parametrize(
    ("codes", "status"),
    [([-15, 2], 2), ([2, -15], 2), ([2, -9], 9), ([2, 143], 2), ([-15, -15], 15)],
)
def test_the_exit_status_is_that_of_the_cause(monkeypatch, codes, status):
    failures = {
        rank: SimpleNamespace(exitcode=code, timestamp=rank, signal_name=lambda: "SIG")
        for rank, code in enumerate(codes)
    }
    monkeypatch.setattr(ChildFailedError, "format_msg", lambda self: "")

    def fail(arguments):
        raise ChildFailedError("train.py", failures)

    monkeypatch.setattr("torch.distributed.run.main", fail)
    assert launch([0, 1]) == status


def test_float32_is_float32_in_whatever_joins():
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    with join([]):
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
