# Makes .venv and installs requirements.txt into it, once; every run_*.sh sources this file.
#     source setup.sh [requirements-dev.txt ...]
# VENV=DIR uses the environment in DIR, as it is, and installs nothing. PYTHON_BASE picks the
# interpreter that makes .venv. Afterwards $PYTHON is the environment's interpreter.
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
venv="${VENV:-$here/.venv}"
PYTHON="$venv/bin/python"

fail() { echo "setup: $*" >&2; exit 1; }

wanted=("$here/requirements.txt" "${@/#/$here/}")
# All requirement files count: one may include another.
stamp="$venv/.lpm-$( (basename -a "${wanted[@]}"; cat "$here"/requirements*.txt) | cksum | cut -d' ' -f1)"
if [ ! -e "$stamp" ]; then
    if [ -n "${VENV:-}" ]; then
        [ -x "$PYTHON" ] || fail "VENV=$VENV has no bin/python; name an environment that is there, or leave VENV unset"
    else
        if [ ! -x "$PYTHON" ]; then
            echo "setup: making $venv"
            "${PYTHON_BASE:-python3}" -m venv "$venv" || fail "python3 -m venv failed; install Python 3.10 or newer with its venv module, or set PYTHON_BASE"
        fi
        "$PYTHON" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2])' || fail "$("$PYTHON" --version) is too old; set PYTHON_BASE to Python 3.10 or newer"
        echo "setup: installing $(basename -a "${wanted[@]}" | xargs); PyTorch comes with its CUDA libraries, several GB: 2 to 10 minutes"
        arguments=()
        for file in "${wanted[@]}"; do arguments+=(-r "$file"); done
        "$PYTHON" -m pip install --quiet --disable-pip-version-check "${arguments[@]}" || fail "pip could not install ${wanted[*]}; see its message above"
    fi
    echo "setup: importing every package once"
    "$PYTHON" -c 'import cv2, numpy, pandas, pymatting, tensorboard, timm, torch, torchvision, tqdm' ||
        fail "a package can't be imported; if it is torchvision (torchvision::nms), torch and torchvision are no pair: $PYTHON -m pip install --force-reinstall torch torchvision"
    touch "$stamp"
fi
export PYTHON
