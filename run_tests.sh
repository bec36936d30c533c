#!/usr/bin/env bash
# Lint and tests, on a CPU, without network.
set -euo pipefail
cd "$(dirname "$0")"
source setup.sh requirements-dev.txt

"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
"$PYTHON" -m mypy
"$PYTHON" -m pytest "$@"
