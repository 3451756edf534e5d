#!/usr/bin/env bash
# Awkward shapes of 1 GB each, baked within several limits of memory and by several workers: the peak resident memory
# of every bake is at most 10 % over its limit, and the values are those of the files. A smaller size than 1,000 MB may
# be given: `ci/long/memory.sh 200`; so may the names of some shapes: `ci/long/memory.sh 1000 columns many`.
set -euo pipefail
cd "$(dirname "$0")/../.."

binary=$(realpath "${ARCOFORGE_BIN:-${CARGO_TARGET_DIR:-target}/release/arcoforge}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-.venv/bin/python}" ci/long/memory.py "$binary" "$work" "$@"
