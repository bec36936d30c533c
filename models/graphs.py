"""CUDA graphs: the hundreds of kernel launches of a network replayed as one.

On an H200 an HD photo takes a third of the time by it (docs/benchmarks.md).
"""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

WARM_UP = 3  # runs before recording, in which libraries choose kernels and take their memory


class Recording:
    """A function's kernels on a GPU for inputs of one kind: shapes, layouts and types.

    The graph works in memory of its own, so only one thread at a time may call this.

    Args:
        beside: another recording, whose memory this one works in, too: never at the same time.
    """

    @torch.inference_mode()
    def __init__(
        self, function: Callable[..., Any], inputs: Sequence[Tensor], beside: Recording | None
    ) -> None:
        with torch.cuda.device(inputs[0].device):
            self.inputs = [x.clone() for x in inputs]  # every replay reads from here
            self.done = torch.cuda.Event()
            side, current = torch.cuda.Stream(), torch.cuda.current_stream()
            side.wait_stream(current)
            with torch.cuda.stream(side):
                for _ in range(WARM_UP):
                    function(*self.inputs)
            current.wait_stream(side)
            self.graph = torch.cuda.CUDAGraph()
            pool = beside.graph.pool() if beside else None
            # thread_local: what other threads do on the GPU meanwhile is no error.
            with torch.cuda.graph(self.graph, pool, capture_error_mode="thread_local"):
                self.outputs = function(*self.inputs)

    @torch.inference_mode()
    def __call__(self, inputs: Sequence[Tensor], after: torch.cuda.Event | None) -> Any:
        """The function's answer. after: the event that ends the replay before this one."""
        with torch.cuda.device(inputs[0].device):
            stream = torch.cuda.current_stream()
            if after is not None:
                stream.wait_event(after)  # its stream may be another; graphs share work space
            for kept, given in zip(self.inputs, inputs, strict=True):
                kept.copy_(given)
            self.graph.replay()
            outputs = tree_map(torch.clone, self.outputs)
            self.done.record(stream)
        return outputs


class Graphs:
    """Calls functions; on a GPU, a call of a kind that was seen before is replayed.

    A kind (function, shapes, layouts, types) is recorded when it comes for the second time, so a
    folder of photos of many sizes costs nothing extra. Where that fails, a warning says so, what
    was recorded makes room, and this kind is computed. Threads may call this at the same time.
    """

    max_recordings = 12  # each holds inputs and answers; what they work in, they share
    max_numbers = 30_000_000  # of the first input; beyond, launching takes no time beside computing

    def __init__(self) -> None:
        self.recordings: OrderedDict[Any, Recording] = OrderedDict()  # the latest used last
        self.seen: set[Any] = set()
        self.failed: set[Any] = set()
        self.last: torch.cuda.Event | None = None  # ends the latest replay
        self.lock = threading.Lock()

    def __reduce__(self) -> Any:  # copies and pickles begin without recordings
        return Graphs, ()

    def __call__(self, function: Callable[..., Any], *inputs: Tensor) -> Any:
        """function(*inputs), which depends on nothing else and changes nothing."""
        if inputs[0].shape.numel() <= self.max_numbers:
            with self.lock:
                recording = self._find(function, inputs)
                if recording is not None:
                    answer, self.last = recording(inputs, self.last), recording.done
                    return answer
        return function(*inputs)

    def _find(self, function: Callable[..., Any], inputs: Sequence[Tensor]) -> Recording | None:
        """The recording for this kind of call, made now if the kind was seen once before."""
        kind = (function, *((x.shape, x.stride(), x.dtype) for x in inputs))
        if kind not in self.recordings:
            if kind in self.failed or kind not in self.seen:
                self.seen.add(kind)
                return None
            try:
                self._drop(down_to=self.max_recordings - 1)
                beside = next(iter(self.recordings.values()), None)
                self.recordings[kind] = Recording(function, inputs, beside)
            except RuntimeError as error:
                self.failed.add(kind)
                self._drop(down_to=0)
                shapes = ", ".join(str(tuple(x.shape)) for x in inputs)
                warnings.warn(f"no CUDA graph for inputs of {shapes}: {error}", stacklevel=2)
                return None
        self.recordings.move_to_end(kind)
        return self.recordings[kind]

    def _drop(self, down_to: int) -> None:
        while len(self.recordings) > down_to:
            _, oldest = self.recordings.popitem(last=False)
            oldest.done.synchronize()  # its memory may still be in use


class Replayed(nn.Module):
    """A network in evaluation mode, called through Graphs; its weights no longer change."""

    def __init__(self, network: nn.Module, graphs: Graphs) -> None:
        super().__init__()
        self.network, self.graphs = network, graphs

    def forward(self, image: Tensor) -> Any:
        """As the network's."""
        return self.graphs(self.network, image)
