#!/usr/bin/env bash
# Bakes killed at random moments with a reader beside them, then every fail point of a bake: ci/long/kill.sh [KILLS] [SEED].
set -euo pipefail
cd "$(dirname "$0")/../.."

ARCOFORGE_BIN=$(realpath "${ARCOFORGE_BIN:-${CARGO_TARGET_DIR:-target}/release/arcoforge}")
export ARCOFORGE_BIN
export ARCOFORGE_SEED=${2:-$(date +%s)}
python=${PYTHON:-.venv/bin/python}
"$python" tests/kill.py --kills "${1:-400}" --seed "$ARCOFORGE_SEED"
# more than there are: all calls, each failing in every way
ARCOFORGE_FAILPOINTS=1000000 "$python" -m pytest -q tests/test_resume.py -k any_call
