#!/usr/bin/env bash
# Random small archives with random policies and steps against the model: ci/long/properties.sh [COUNT] [FIRST SEED].
set -euo pipefail
cd "$(dirname "$0")/../.."

ARCOFORGE_BIN=$(realpath "${ARCOFORGE_BIN:-${CARGO_TARGET_DIR:-target}/release/arcoforge}")
export ARCOFORGE_BIN
# seeds that differ from night to night, unless they are given
first=${2:-$(($(date +%s) / 86400 * 100000))}
"${PYTHON:-.venv/bin/python}" tests/test_properties.py --from "$first" --count "${1:-5000}" --jobs "${JOBS:-$(nproc)}"
