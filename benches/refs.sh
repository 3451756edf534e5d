#!/usr/bin/env bash
# References, ours and the peers', side by side: benches/refs.sh OISST_FOLDER TINY_FOLDER
#
#   PYTHON            a Python 3.12 with kerchunk, VirtualiZarr, icechunk, xarray and fsspec (default: python3)
#   PEER_FILES        so many files for the peers, which take minutes for thousands (default: all)
#   ARCOFORGE_BENCH   the peers' programs (default ../shared/bench beside the repository); without them ours alone
#   ARCOFORGE_BIN     the binary (default target/release/arcoforge)
#
# CPU seconds are user and system time of all processes. Every value of every twentieth file is compared with what fsspec and
# xarray read through the references.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=$(realpath "${ARCOFORGE_BIN:-${CARGO_TARGET_DIR:-$here/../target}/release/arcoforge}")
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

seconds() { # NAME COMMAND...
    local name=$1
    shift
    "$python" - "$name" "$@" <<'PY'
import resource, subprocess, sys, time
begun = time.perf_counter()
code = subprocess.call(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{sys.argv[1]:28} {used.ru_utime + used.ru_stime:7.2f} CPU-s {time.perf_counter() - begun:7.2f} s"
      f" {used.ru_maxrss / 1024:6.0f} MiB{'' if code == 0 else f'  failed ({code})'}")
PY
}

compare() { # TARGET FOLDER
    "$python" - "$@" <<'PY'
import glob, sys, warnings
import fsspec, numpy as np, xarray as xr
warnings.simplefilter("ignore")
options = {"mask_and_scale": False, "decode_times": False}
fs = fsspec.filesystem("reference", fo=sys.argv[1])
ours = xr.open_zarr(fs.get_mapper(""), chunks=None, **options)
files = sorted(glob.glob(sys.argv[2] + "/*.nc"))
for path in files[:: max(1, len(files) // 20)]:
    with xr.open_dataset(path, **options) as theirs:
        for name in theirs.data_vars:
            np.testing.assert_array_equal(ours[name].sel(time=theirs.time).values, theirs[name].values)
print(f"  equal: {sys.argv[1].rsplit('/')[-1]}, {len(files)} files")
PY
}

for folder in "$@"; do
    files=$(find "$folder" -name '*.nc' | wc -l)
    for format in json parquet; do
        target=$work/$(basename "$folder").$format
        seconds "arcoforge $format $files" "$binary" bake "$folder" --concat time --format "kerchunk-$format" \
            --to "$target" --no-survey-cache
        [ "$format" = json ] && compare "$target" "$folder"
    done
    target=$work/$(basename "$folder").icechunk
    seconds "arcoforge icechunk $files" "$binary" bake "$folder" --concat time --format icechunk-virtual \
        --to "$target" --no-survey-cache
    harness=${ARCOFORGE_BENCH:-$here/../../shared/bench}
    [ -f "$harness/peers/kerchunk_mzz.py" ] || continue
    export BENCH_DATA=${folder%/*} PYTHONWARNINGS=ignore
    workload=$(basename "$folder")
    [ "$workload" = oisst ] && workload=oisst-t20
    for peer in kerchunk_mzz vz_icechunk; do
        seconds "$peer ${PEER_FILES:-$files}" "$python" "$harness/peers/$peer.py" "$workload" "$work/$peer" \
            -n "${PEER_FILES:-$files}"
        rm -rf "${work:?}/$peer"*
    done
done
