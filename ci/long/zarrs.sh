#!/usr/bin/env bash
# Bakes the small example with the defaults, with shards and as Zarr v2, and reads every value of it with zarrs (the Rust
# library, by its Python package, strict: nothing falls back to another reader).
set -euo pipefail
cd "$(dirname "$0")/../.."

binary=${ARCOFORGE_BIN:-${CARGO_TARGET_DIR:-target}/release/arcoforge}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -r examples/oisst-small "$work/in" && rm -f "$work/in/recipe.lock"
"$binary" bake "$work/in/recipe.yaml" --to "$work/default.zarr"
"$binary" bake "$work/in/recipe.yaml" --chunks time=1 --shards time=12 --to "$work/sharded.zarr"
"$binary" bake "$work/in/recipe.yaml" --format zarr2 --to "$work/v2.zarr"
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check zarr==3.1.6 zarrs==0.2.3
"$work/venv/bin/python" - "$work" <<'PY'
import sys
import numpy as np, zarr
work, strict = sys.argv[1], {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline", "codec_pipeline.strict": True}
count = 0
for name in ("default", "sharded", "v2"):
    for path, _ in zarr.open_group(f"{work}/{name}.zarr", mode="r").arrays():
        want = zarr.open_array(f"{work}/{name}.zarr", path=path, mode="r")[...]
        with zarr.config.set(strict):
            got = zarr.open_array(f"{work}/{name}.zarr", path=path, mode="r")[...]
        assert np.array_equal(want, got), f"{name}/{path}"
        count += 1
print(f"{count} arrays equal")
PY
