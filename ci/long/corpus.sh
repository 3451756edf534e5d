#!/usr/bin/env bash
# Every case of a corpus of edge cases ($ARCOFORGE_CORPUS, default ../shared/corpus beside the repository) through `bake`.
set -euo pipefail
cd "$(dirname "$0")/../.."

corpus=${ARCOFORGE_CORPUS:-../shared/corpus}
if [ ! -f "$corpus/run.py" ]; then
    echo "no corpus at $corpus: set ARCOFORGE_CORPUS" >&2
    exit 1
fi
binary=$(realpath "${ARCOFORGE_BIN:-${CARGO_TARGET_DIR:-target}/release/arcoforge}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-.venv/bin/python}" "$corpus/run.py" "$binary" --work "$work" "$@"
