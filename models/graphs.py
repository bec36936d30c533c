"""CUDA graphs: the hundreds of kernel launches of the coarse network replayed as one.

Written without a GPU at hand: its speed has not been measured.
"""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from models.coarse import CoarseNetwork, CoarseOutput

WARM_UP = 3  # runs before recording, in which libraries choose kernels and take their memory


class Recording:
    """The coarse network's kernels on a GPU for inputs of one shape, layout and type.

    The graph works in memory of its own, so only one thread at a time may call this.
    """

    @torch.inference_mode()
    def __init__(self, network: CoarseNetwork, image: Tensor) -> None:
        with torch.cuda.device(image.device):
            self.image = image.clone()  # with its layout; every replay reads from here
            self.done = torch.cuda.Event()
            side, current = torch.cuda.Stream(), torch.cuda.current_stream()
            side.wait_stream(current)
            with torch.cuda.stream(side):
                for _ in range(WARM_UP):
                    network(self.image)
            current.wait_stream(side)
            self.graph = torch.cuda.CUDAGraph()
            # thread_local: what other threads do on the GPU meanwhile is no error.
            with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
                self.output = network(self.image)

    @torch.inference_mode()
    def __call__(self, image: Tensor) -> CoarseOutput:
        with torch.cuda.device(image.device):
            stream = torch.cuda.current_stream()
            stream.wait_event(self.done)  # the last caller's stream may be another
            self.image.copy_(image)
            self.graph.replay()
            alphas, trimaps = ([map_.clone() for map_ in maps] for maps in self.output)
            self.done.record(stream)
        return CoarseOutput(alphas, trimaps)


class ReplayedNetwork(nn.Module):
    """A coarse network for inference; on a GPU, inputs of a kind seen before are replayed.

    A kind (shape, layout, type) is recorded when it comes for the second time, so a folder of
    photos of many sizes costs nothing extra. Where recording fails, a warning says so once and the
    network runs as without graphs. Threads may call this at the same time.

    Args:
        network: in evaluation mode, with weights that no longer change.
    """

    max_recordings = 3  # each holds the memory of one pass
    max_pixels = 10_000_000  # of a batch; beyond, launching takes no time beside computing

    def __init__(self, network: CoarseNetwork) -> None:
        super().__init__()
        self.network = network
        self.recordings: OrderedDict[Any, Recording | None] = OrderedDict()  # None: seen once
        self.failed = False
        self.lock = threading.Lock()

    def __reduce__(self) -> Any:  # copies and pickles begin without recordings
        return ReplayedNetwork, (self.network,)

    def forward(self, image: Tensor) -> CoarseOutput:
        """As CoarseNetwork's."""
        pixels = image.shape[0] * image.shape[2] * image.shape[3]
        if self.failed or not image.is_cuda or pixels > self.max_pixels:
            return self.network(image)
        with self.lock:
            recording = self._find(image)
            if recording is not None:
                return recording(image)
        return self.network(image)

    def _find(self, image: Tensor) -> Recording | None:
        """The recording for this kind of input, made now if the kind was seen once before."""
        kind = (image.shape, image.stride(), image.dtype)
        seen = kind in self.recordings
        recording = self.recordings.pop(kind, None)
        if seen and recording is None:
            try:
                recording = Recording(self.network, image)
            except RuntimeError as error:
                self.failed = True
                warnings.warn(f"inference runs without CUDA graphs: {error}", stacklevel=2)
                return None
        self.recordings[kind] = recording  # the latest last
        if len(self.recordings) > self.max_recordings:
            _, oldest = self.recordings.popitem(last=False)
            if oldest is not None:
                oldest.done.synchronize()  # its memory may still be in use
        return recording
