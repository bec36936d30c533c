import os
import subprocess
import sys


def test_importing_the_solver_leaves_pytorchs_threads_alone():
    code = "import torch, cv2, P3MData.solve_fg_bg; print(torch.get_num_threads())"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    environment.pop("NUMBA_NUM_THREADS", None)
    told = subprocess.check_output([sys.executable, "-c", code], text=True, env=environment)
    assert told.strip() == "1"
