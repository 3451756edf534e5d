#!/usr/bin/env bash
# Ours and the peers, side by side: benches/run.sh [WORKLOAD...]   (oisst, tiny; default: both)
#
#   ONLY=REGEX        only the runs whose name matches, for instance ONLY='^ours'
#   REPEAT=N          every run N times, the best is shown (default 1)
#   ARCOFORGE_BENCH   the harness: generators, peers, measurer, verifier (default ../shared/bench beside the repository)
#   BENCH_ROOT        where the peers' environments, archives and stores are (default ~/.cache/arcoforge/bench)
#   T                 time limit of one run in seconds (default 900)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
harness=$(realpath "${ARCOFORGE_BENCH:-$here/../../shared/bench}")
[ -f "$harness/measure.py" ] || { echo "no harness at $harness: set ARCOFORGE_BENCH" >&2; exit 1; }
root=${BENCH_ROOT:-$HOME/.cache/arcoforge/bench}
binary=$(realpath "${ARCOFORGE_BIN:-${CARGO_TARGET_DIR:-$here/../target}/release/arcoforge}")
export BENCH_DATA=$root/data TQDM_DISABLE=1 PYTHONWARNINGS=ignore
unset PYTHONDONTWRITEBYTECODE
out=$root/out
results=$out/results.jsonl
mkdir -p "$out"
rm -f "$results" "$out/verify.log"
modern=$root/venv-modern/bin/python
legacy=$root/venv-legacy/bin/python

if [ ! -x "$modern" ]; then
    python3.12 -m venv "$root/venv-modern"
    "$modern" -m pip install --quiet -r "$harness/req/requirements-modern.txt"
fi
[ -d "$BENCH_DATA/oisst" ] || "$modern" "$harness/gen/gen_oisst.py" "$BENCH_DATA/oisst" -n 60
[ -d "$BENCH_DATA/tiny" ] || "$modern" "$harness/gen/gen_tiny.py" "$BENCH_DATA/tiny" -n 10000

# measured NAME WORKLOAD FILES FORMAT COMMAND...: runs it with STORE in the command replaced, checks, removes the store
measured() {
    local name=$1 workload=$2 files=$3 format=$4 store
    shift 4
    [[ -z "${ONLY:-}" || "$name" =~ $ONLY ]] || return 0
    store=$out/$name.zarr
    [ "$format" = kerchunk ] && store=$store.json
    for _ in $(seq "${REPEAT:-1}"); do
        rm -rf "$store" "$store.bake"
        "$modern" "$harness/measure.py" --out "$results" --timeout "${T:-900}" --store "$store" "$name/$workload/$files" \
            -- "${@//STORE/$store}" >>"$out/log.txt" 2>&1 || echo "failed: $name (see $out/log.txt)" >&2
    done
    local all=--all # of ten thousand files, eight are enough
    [ "$workload" = tiny ] && all=
    if [ "$format" != none ] && [ -e "$store" ]; then
        (cd "$harness" && "$modern" verify.py "$workload" "$store" --fmt "$format" -n "$files" $all 2>/dev/null || true) |
            grep VERIFY | sed "s|^VERIFY .*$store|$name/$workload/$files|" >>"$out/verify.log" || true
    fi
    rm -rf "$store" "$store.tmp" "$store.bake"
}

peer() { # NAME PYTHON FORMAT WORKLOAD FILES SCRIPT ARGS...
    local name=$1 python=$2 format=$3 workload=$4 files=$5 script=$6
    shift 6
    [[ -z "${ONLY:-}" || "$name" =~ $ONLY ]] || return 0
    [ -x "$python" ] || { echo "skipped: $name (no $python)" >&2; return 0; }
    measured "$name" "$workload" "$files" "$format" "$python" "$harness/peers/$script" "$workload" STORE -n "$files" "$@"
}

ours() { # NAME DATA WORKLOAD FILES RECIPE ARGS...
    local name=$1 data=$2 workload=$3 files=$4 recipe=$5 folder=$out/recipe
    shift 5
    [[ -z "${ONLY:-}" || "$name" =~ $ONLY ]] || return 0
    rm -rf "$folder"
    mkdir -p "$folder"
    ln -s "$BENCH_DATA/$data" "$folder/data"
    cp "$here/recipes/$recipe.yaml" "$folder/recipe.yaml"
    # no recipe.lock from an earlier run: making it is part of what is measured
    measured "$name" "$workload" "$files" zarr sh -c 'rm -f "$1/recipe.lock"; shift; exec "$@"' sh "$folder" \
        "$binary" bake "$folder/recipe.yaml" --to STORE "$@"
    rm -rf "$folder"
}

oisst() {
    local w=oisst-t20 n=60
    cat "$BENCH_DATA"/oisst/*.nc >/dev/null # the page cache is warm for everybody
    peer floor-cp "$modern" none $w $n floor.py --mode cp
    peer floor-inflate-libdeflate "$modern" none $w $n floor.py --mode inflate --lib libdeflate
    peer floor-pipeline "$modern" none $w $n floor.py --mode pipeline
    ours ours-peers-codec oisst $w $n oisst-peers-codec
    ours ours-default oisst $w $n oisst
    ours ours-copy-v2-checked oisst $w $n oisst-copy --format zarr2
    ours ours-copy-v2-unchecked oisst $w $n oisst-copy --format zarr2 --unchecked-copies
    ours ours-copy-v3-shards-checked oisst $w $n oisst-copy --shards time=20
    ours ours-copy-v3-shards-unchecked oisst $w $n oisst-copy --shards time=20 --unchecked-copies
    peer kerchunk "$modern" kerchunk $w $n kerchunk_mzz.py
    peer xr-region-raw "$modern" zarr $w $n xr_region.py --raw --zengine netcdf4
    peer xr-threads "$modern" zarr $w $n xr_mfdataset.py --zengine netcdf4
    peer pfr-1 "$legacy" zarr $w $n pfr.py
    peer rechunker "$legacy" zarr $w $n rechunker_peer.py
}

tiny() {
    local w=tiny n=10000
    cat "$BENCH_DATA"/tiny/*.nc >/dev/null
    peer floor-pipeline "$modern" none $w $n floor.py --mode pipeline
    ours ours-peers-codec tiny $w $n tiny-peers-codec
    ours ours-default tiny $w $n tiny
    peer kerchunk "$modern" kerchunk $w $n kerchunk_mzz.py
    peer xr-threads "$modern" zarr $w $n xr_mfdataset.py --zengine netcdf4
    peer pfr-1 "$legacy" zarr $w $n pfr.py
}

workloads=("$@")
[ ${#workloads[@]} -gt 0 ] || workloads=(oisst tiny)
for workload in "${workloads[@]}"; do
    case $workload in
    oisst | tiny) "$workload" ;;
    *)
        echo "unknown workload \`$workload\`: oisst or tiny" >&2
        exit 2
        ;;
    esac
done
"$modern" "$here/table.py" "$results" "$out/verify.log"
