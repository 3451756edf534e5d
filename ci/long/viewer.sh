#!/usr/bin/env bash
# Bakes a small pyramid, serves it on the loopback, and reads every level with the map library @carbonplan/zarr-layer.
set -euo pipefail
cd "$(dirname "$0")/../.."

binary=${ARCOFORGE_BIN:-${CARGO_TARGET_DIR:-target}/release/arcoforge}
python=${PYTHON:-.venv/bin/python}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT

cp -r examples/oisst-small "$work/in" && rm -f "$work/in/recipe.lock"
"$binary" bake "$work/in/recipe.yaml" --step 'pyramid: 3' --to "$work/v3.zarr"
"$binary" bake "$work/in/recipe.yaml" --step 'pyramid: 3' --format zarr2 --to "$work/v2.zarr"

# What zarr-python reads: every level's shape, and the cells of its first chunk.
"$python" - "$work" <<'PY'
import json, sys
import numpy as np, zarr
work = sys.argv[1]
out = {}
for name in ("v3", "v2"):
    root = zarr.open_group(f"{work}/{name}.zarr", mode="r")
    levels = [entry["asset"] for entry in root.attrs["multiscales"]["layout"]]
    arrays = [root[f"{level}/sst"] for level in levels]
    finest = root["0"]
    y, x = (np.asarray(finest[dim][...], "f8") for dim in ("lat", "lon"))
    first = [np.asarray(a[tuple(slice(0, c) for c in a.chunks)]).astype("f8") for a in arrays]
    out[name] = {
        "levels": levels,
        "shapes": [list(a.shape) for a in arrays],
        "sums": [float(values.sum()) for values in first],
        "limits": [float(x[0] - (x[1] - x[0]) / 2), float(y.min() - abs(y[1] - y[0]) / 2)],
    }
json.dump(out, open(f"{work}/expected.json", "w"))
PY

mkfifo "$work/port"
"$python" -c '
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
open(sys.argv[1] + "/port", "w").write(str(server.server_port))
server.serve_forever()' "$work" 2>/dev/null &
server=$!
port=$(cat "$work/port")

cp ci/long/viewer.mjs "$work/"
(cd "$work" && npm init -y >/dev/null && npm install --silent --no-audit --no-fund @carbonplan/zarr-layer@0.5 && node viewer.mjs "http://127.0.0.1:$port")
