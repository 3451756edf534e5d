#!/usr/bin/env bash
# What other tools make of the edge cases of tests/edge: writes tests/peers/results.json, then docs/edge-cases.md.
# $PYTHON_MODERN and $PYTHON_LEGACY name Pythons that have tests/peers/requirements-*.txt; else they are made.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${PYTHON:-.venv/bin/python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

environment() { # NAME PYTHON: a new environment with the requirements of that name
    "$2" -m venv "$work/$1"
    "$work/$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "tests/peers/requirements-$1.txt"
}
modern=${PYTHON_MODERN:-}
if [ -z "$modern" ]; then
    environment modern python3.12
    modern=$work/modern/bin/python
fi
legacy=${PYTHON_LEGACY:-}
if [ -z "$legacy" ]; then
    environment legacy python3.11
    legacy=$work/legacy/bin/python
fi

"$python" tests/peers write "$work/cases"
rm -f tests/peers/results.json
for tool in xarray VirtualiZarr kerchunk; do
    "$modern" tests/peers run "$tool" "$work/cases"
done
"$legacy" tests/peers run pangeo-forge-recipes "$work/cases"
"$python" tests/edge_cases.py --write
