#!/usr/bin/env bash
# Lint and tests, on a CPU, without network. Arguments go to pytest:
#     bash run_tests.sh tests/models
set -euo pipefail
cd "$(dirname "$0")"
more=("$@")
set -- requirements-dev.txt # else the arguments would be setup.sh's
source setup.sh "$@"

"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
"$PYTHON" -m mypy
# One thread a test process: processes whose threads compete for cores slow each other down.
OMP_NUM_THREADS=1 "$PYTHON" -m pytest -n auto "${more[@]}"
