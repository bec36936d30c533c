"""Two forked processes of one group, over gloo on the CPU, as torchrun would start them."""

import multiprocessing
import os
import sys

import torch
import torch.distributed as dist

from utils.errors import run_script

LIMIT = 60  # seconds; who hangs longer is killed


def fork_two(main, said):
    """Run `main` as a script in both; their exit statuses, and all they printed, in file `said`.

    Forked, so that what a test has patched holds in them, too.
    """
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_run, args=(main, said, n, store.port)) for n in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(LIMIT)
        process.kill()
        process.join()
    return [process.exitcode for process in processes], said.read_text()


def _run(main, said, rank, port):
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in place.items()}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_USE_AGENT_STORE": "True"}
    torch.set_num_threads(1)  # OpenMP's threads don't survive a fork
    with open(said, "a", buffering=1) as sys.stdout:
        sys.stderr = sys.stdout
        run_script(main)
