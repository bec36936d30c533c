import pytest
import torch

from engine.distributed import Processes, choose_gpus, gpus_to_launch, join
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


def test_shares_are_disjoint_and_complete():
    items = list(range(7))
    shares = [Processes(rank, 3, torch.device("cpu")).share(items) for rank in range(3)]
    assert sorted(item for share in shares for item in share) == items


def test_one_process_agrees_with_itself():
    with join([]) as alone:
        assert (alone.rank, alone.count, alone.device.type) == (0, 1, "cpu")
        assert alone.gather("a") == ["a"]
        assert alone.any(True, False) == [True, False]


def test_what_the_main_process_finds_reaches_all(monkeypatch):
    device = torch.device("cpu")
    assert Processes(0, 1, device).from_main(lambda: 3) == 3
    monkeypatch.setattr(Processes, "gather", lambda self, value: [(4, False), value])
    assert Processes(1, 2, device).from_main(lambda: pytest.fail("not here")) == 4


def test_a_mistake_that_the_main_process_finds_is_told_once(monkeypatch):
    def mistake():
        raise InputError("no such folder")

    device = torch.device("cpu")
    with pytest.raises(InputError, match="no such folder"):
        Processes(0, 1, device).from_main(mistake)
    monkeypatch.setattr(Processes, "gather", lambda self, value: [(None, True), value])
    with pytest.raises(SystemExit) as leaving:
        Processes(1, 2, device).from_main(mistake)
    assert leaving.value.code == 2
