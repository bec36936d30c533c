import subprocess
import sys
from pathlib import Path

CODE = "from utils.errors import run_script; run_script(lambda: print('caf\\udce9.jpg'))"


def test_names_that_are_not_utf_8_are_printed():
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", CODE],
        capture_output=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [b"caf\\udce9.jpg"]
