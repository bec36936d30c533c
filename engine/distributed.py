"""Which devices a script runs on, and its processes: alone, started by torchrun, or starting them.

A script calls `launch` for the GPUs of `gpus_to_launch`, if there are any, else `join`.
"""

import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist

from utils.errors import InputError, tell
from utils.parallel import count_cores

Item = TypeVar("Item")

PATIENCE = timedelta(minutes=30)  # after which a process that waits for another one gives up
UNLIMITED = timedelta(days=365)  # for what the main process does alone: hours, with many portraits


@dataclass(frozen=True)
class Processes:
    """This process and its siblings."""

    rank: int  # of this process; 0 writes files and speaks
    count: int  # of processes
    device: torch.device  # where this process computes
    # On the CPU, for exchanges within PATIENCE and for waiting UNLIMITED; None alone.
    meeting: dist.ProcessGroup | None = None
    waiting: dist.ProcessGroup | None = None

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> list[Item]:
        """This process's part of `items`: every count-th, beginning with its rank."""
        return list(items[self.rank :: self.count])

    def gather(self, value: Any) -> list[Any]:
        """Every process's `value` (anything that pickles), by rank, on every process."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value, group=self.meeting)
        return values

    def from_main(self, function: Callable[[], Item]) -> Item:
        """What `function` returns in the main process, on every process, however long it takes."""
        value = function() if self.is_main else None
        if self.waiting:
            dist.barrier(self.waiting)
        return cast(Item, self.gather(value)[0])

    def any(self, flag: bool) -> bool:
        """Whether some process has the flag set. Costs no synchronisation of the GPU."""
        raised = torch.tensor(int(flag))
        if self.count > 1:
            dist.all_reduce(raised, op=dist.ReduceOp.MAX, group=self.meeting)
        return bool(raised)


def under_torchrun() -> bool:
    """Whether torch.distributed.run started this process."""
    return "LOCAL_RANK" in os.environ and "WORLD_SIZE" in os.environ


def choose_gpus(gpus: Sequence[int] | None) -> list[int]:
    """The GPUs to use: those asked for, or all there are (None); an empty list means the CPU.

    InputError if one does not exist, or is named twice.
    """
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpus is None:
        return list(range(available))
    for gpu in gpus:
        if not 0 <= gpu < available:
            there = f"has GPUs 0 to {available - 1}" if available else "has no GPU PyTorch can use"
            raise InputError(f"--gpus {gpu}: this machine {there}; leave --gpus out")
    if len(set(gpus)) < len(gpus):
        raise InputError(f"--gpus {' '.join(map(str, gpus))}: a GPU is named twice")
    return list(gpus)


def gpus_to_launch(gpus: Sequence[int] | None) -> list[int]:
    """The GPUs that want a process each and have none yet; empty where this process is enough."""
    chosen = choose_gpus(gpus)
    return chosen if len(chosen) > 1 and not under_torchrun() else []


def launch(gpus: Sequence[int]) -> int:
    """Run this script again by torchrun, once for each GPU; return its exit status."""
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as torchrun

    # The processes tell of their own errors.
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    # Unset, torchrun sets 1 and says so at length.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, count_cores() // len(gpus))))
    try:
        torchrun(["--standalone", "--nproc_per_node", str(len(gpus)), *sys.argv])
    except SignalException as stop:
        return 128 + int(stop.sigval)
    except ChildFailedError as error:
        codes = [(f.exitcode, f.timestamp, rank) for rank, f in error.failures.items()]
        # The first one killed, else the first that failed; last what torchrun itself stopped.
        code, _, rank = min(codes, key=lambda x: (x[0] == -signal.SIGTERM, x[0] > 0, x[1]))
        if code < 0:  # it could tell nothing
            tell(InputError(f"process {rank} was killed by {signal.Signals(-code).name}"))
        return abs(code)
    return 0


@contextmanager
def join(gpus: Sequence[int] | None) -> Iterator[Processes]:
    """Take this process's place: its device, and the process group where torchrun started it.

    There, whatever ends one process ends all, by SystemExit, and the first one tells of it.
    InputError as from choose_gpus and use_device, or if the environment is not as torchrun sets it.
    """
    chosen = choose_gpus(gpus)
    if not under_torchrun():
        yield Processes(0, 1, use_device(chosen, 0))
        return
    try:
        device = use_device(chosen, int(os.environ["LOCAL_RANK"]))
        store, rank, count = next(dist.rendezvous("env://", timeout=PATIENCE))
    except InputError:
        raise
    except ValueError as error:
        raise InputError(
            f"LOCAL_RANK and WORLD_SIZE are set, but not as by torchrun; unset them ({error})"
        ) from error
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    # NCCL waits longer than gloo, for it can't tell of it: it aborts the process.
    dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=2 * PATIENCE)
    try:
        # Objects and flags travel over gloo on the CPU, so they never wait for the GPU.
        limits = (PATIENCE, UNLIMITED)
        groups: list[Any] = [dist.new_group(backend="gloo", timeout=limit) for limit in limits]
        yield Processes(rank, count, device, *groups)
    except Exception as error:
        # Told before the group is destroyed, which may wait for the others.
        raise SystemExit(_tell_once(error, rank, store)) from error
    finally:
        dist.destroy_process_group()


def _tell_once(error: Exception, rank: int, store: dist.Store) -> int:
    """Tell of what ends this process, unless it fails because another did; return the status."""
    try:
        first = store.add("told", 1) == 1
    except dist.DistError:  # the process that keeps the store has left
        first = False
    if first and not isinstance(error, InputError | OSError):
        if "gloo" not in str(error):
            traceback.print_exception(error)
            return 1
        reason = "lost another one: it was killed, or its machine is gone"
        if "Timed out" in str(error):
            minutes = PATIENCE.total_seconds() / 60
            reason = f"waited more than {minutes:g} minutes for another one: see whether it hangs"
        error = InputError(f"process {rank} {reason}")
    if first:
        tell(error)
    return 2


def use_device(gpus: Sequence[int], local_rank: int) -> torch.device:
    """The device of process number `local_rank`; float32 is what it says there.

    InputError if there are fewer GPUs than processes.
    """
    # PyTorch would run convolutions in TF32, which keeps 10 bits of the 23.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    if not gpus:
        return torch.device("cpu")
    if local_rank >= len(gpus):
        raise InputError(f"there are only {len(gpus)} GPU(s); lower torchrun's --nproc_per_node")
    torch.cuda.set_device(gpus[local_rank])
    return torch.device("cuda", gpus[local_rank])


def seed_run(seed: int, device: torch.device) -> None:
    """Set the random state of the start, and make a CPU repeat itself bit for bit; a GPU can't."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(device.type == "cpu")
    # A guard that costs 7 %, for memory that nothing here reads.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def seed_step(seed: int, step: int, rank: int) -> None:
    """Set the random state of one step of one process, whatever came before it."""
    offset = int(torch.randint(2**62, (), generator=torch.Generator().manual_seed(seed)))
    torch.manual_seed((offset + step * 65_536 + rank) % 2**63)
