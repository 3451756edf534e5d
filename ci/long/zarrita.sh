#!/usr/bin/env bash
# Bakes the small example with the defaults and with shards, and reads every value of it with zarrita.
set -euo pipefail
cd "$(dirname "$0")/../.."

binary=${ARCOFORGE_BIN:-${CARGO_TARGET_DIR:-target}/release/arcoforge}
python=${PYTHON:-.venv/bin/python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -r examples/oisst-small "$work/in" && rm -f "$work/in/recipe.lock"
"$binary" bake "$work/in/recipe.yaml" --to "$work/default.zarr"
"$binary" bake "$work/in/recipe.yaml" --chunks time=1 --shards time=12 --to "$work/sharded.zarr"

# What zarr-python reads, as text that any language compares: sums and a few cells of every array.
"$python" - "$work" <<'PY'
import json, sys
import numpy as np, zarr
work = sys.argv[1]
out = {}
for name in ("default", "sharded"):
    root = zarr.open_group(f"{work}/{name}.zarr", mode="r")
    for path, array in root.arrays():
        values = np.asarray(array[...]).astype("f8").ravel()
        weights = np.arange(1, values.size + 1) % 97
        out[f"{name}/{path}"] = {"shape": list(array.shape), "sum": float(values.sum()), "weighted": float((values * weights).sum())}
json.dump(out, open(f"{work}/expected.json", "w"))
PY

cp ci/long/zarrita.mjs "$work/"
(cd "$work" && npm init -y >/dev/null && npm install --silent --no-audit --no-fund zarrita@0.7.5 @zarrita/storage@0.2.0 && node zarrita.mjs)
