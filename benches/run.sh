#!/usr/bin/env bash
# Ours, the floor and the peers, side by side: benches/run.sh [WORKLOAD...]   (see `workloads` below; default: all)
#
#   ONLY=REGEX        only the runs whose NAME/WORKLOAD/FILES matches, for instance ONLY='^ours|^floor'
#   REPEAT=N          every run of ours and of the floor N times (default 1)
#   VERIFY=0          without the comparison of every store with its sources
#   ARCOFORGE_BENCH   the harness: generators, peers, measurer, verifier (default ../shared/bench beside the repository)
#   BENCH_ROOT        where the peers' environments, archives and stores are (default ~/.cache/arcoforge/bench)
#   BENCH_OUT         where stores and results go (default $BENCH_ROOT/out)
#   T                 time limit of one run in seconds (default 600)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
harness=$(realpath "${ARCOFORGE_BENCH:-$here/../../shared/bench}")
[ -f "$harness/measure.py" ] || { echo "no harness at $harness: set ARCOFORGE_BENCH" >&2; exit 1; }
root=${BENCH_ROOT:-$HOME/.cache/arcoforge/bench}
release=${CARGO_TARGET_DIR:-$here/../target}/release
binary=$(realpath "${ARCOFORGE_BIN:-$release/arcoforge}")
least=$(realpath "${ARCOFORGE_FLOOR:-$release/examples/floor}")
export BENCH_DATA=$root/data TQDM_DISABLE=1 PYTHONWARNINGS=ignore
unset PYTHONDONTWRITEBYTECODE
out=${BENCH_OUT:-$root/out}
results=$out/results.jsonl
export XDG_CACHE_HOME=$out/cache # surveys that are kept between runs: emptied before each
mkdir -p "$out"
rm -f "$results" "$out/verify.log"
modern=$root/venv-modern/bin/python
legacy=$root/venv-legacy/bin/python
blosc='[{blosc: {cname: zstd, clevel: 3, shuffle: shuffle}}]'

if [ ! -x "$modern" ]; then
    python3.12 -m venv "$root/venv-modern"
    "$modern" -m pip install --quiet -r "$harness/req/requirements-modern.txt"
fi

made() { # FOLDER GENERATOR ARGS...: an archive, made once
    local folder=$BENCH_DATA/$1 generator=$2
    shift 2
    [ -d "$folder" ] && return
    rm -rf "$folder.part"
    "$modern" "$harness/gen/$generator.py" "$folder.part" "$@"
    mv "$folder.part" "$folder"
}

# measured NAME WORKLOAD FILES FORMAT TIMES COMMAND...: runs it with STORE in the command replaced, checks, removes the store
measured() {
    local name=$1 workload=$2 files=$3 format=$4 times=$5 store
    shift 5
    store=$out/$name.zarr
    [ "$format" = kerchunk ] && store=$store.json
    for _ in $(seq "$times"); do
        rm -rf "$store" "$store.bake" "$XDG_CACHE_HOME"
        "$modern" "$harness/measure.py" --out "$results" --timeout "${T:-600}" --store "$store" "$name/$workload/$files" \
            -- "${@//STORE/$store}" >>"$out/log.txt" 2>&1 || echo "failed: $name $workload (see $out/log.txt)" >&2
    done
    if [ "$format" != none ] && [ "${VERIFY:-1}" = 1 ] && [ -e "$store" ]; then
        local all=--all # of many files, eight are enough
        [ "$files" -gt 60 ] && all=
        (cd "$harness" && "$modern" verify.py "$workload" "$store" --fmt "$format" -n "$files" $all 2>/dev/null || true) |
            grep VERIFY | sed "s|^VERIFY .*$store|$name/$workload/$files|" >>"$out/verify.log" || true
    fi
    rm -rf "$store" "$store.tmp" "$store.bake"
}

chosen() { # NAME
    [[ -z "${ONLY:-}" || "$1/$workload/$files" =~ $ONLY ]]
}

peer() { # NAME PYTHON FORMAT SCRIPT ARGS...
    local name=$1 python=$2 format=$3 script=$4
    shift 4
    chosen "$name" || return 0
    [ -x "$python" ] || { echo "skipped: $name (no $python)" >&2; return 0; }
    measured "$name" "$workload" "$files" "$format" 1 "$python" "$harness/peers/$script" "$workload" STORE -n "$files" "$@"
}

recipe() { # a folder with the recipe and the archive
    rm -rf "$out/recipe"
    mkdir -p "$out/recipe"
    ln -s "$BENCH_DATA/$archive" "$out/recipe/data"
    sed "$edit" "$here/recipes/$archive.yaml" >"$out/recipe/recipe.yaml"
}

# both NAME ARGS...: the floor, ours, and ours with half of the memory
both() {
    local name=$1 memory
    shift
    recipe
    if chosen "floor-$name"; then
        for _ in $(seq "${REPEAT:-1}"); do
            rm -rf "$out/floor"
            "$least" "$out/recipe/recipe.yaml" "$out/floor" "$@" |
                sed "s|^{|{\"label\": \"floor-$name/$workload/$files\", \"rc\": 0, |" >>"$results" ||
                echo "failed: floor-$name $workload" >&2
        done
        rm -rf "$out/floor"
    fi
    for memory in 256MiB 128MiB; do
        chosen "ours-$name-$memory" || continue
        # no recipe.lock from an earlier run: making it is part of what is measured
        measured "ours-$name-$memory" "$workload" "$files" zarr "${REPEAT:-1}" \
            sh -c 'rm -f "$1/recipe.lock"; shift; exec "$@"' sh "$out/recipe" \
            "$binary" bake "$out/recipe/recipe.yaml" --to STORE --quiet --memory $memory "$@"
    done
}

warm() { # the page cache is warm for everybody
    cat "$BENCH_DATA/$archive"/*.nc >/dev/null
}

loop() { peer xarray-loop "$modern" zarr xr_region.py --zengine netcdf4 "$@"; }
dask() { peer xarray-dask "$modern" zarr xr_mfdataset.py --zengine netcdf4; }
pangeo() { peer pangeo-forge "$legacy" zarr pfr.py; }

oisst() { # FILES LAST-DAY
    local workload=oisst-t20 files=$1 archive=oisst edit="s/to: 1981-10-30/to: $2/"
    made oisst gen_oisst -n 365
    warm
    both peers-codec --chunks time=20 --codecs "$blosc"
    both default --chunks time=20
    both copy-checked --chunks time=1 --shards time=20 --codecs source
    both copy-unchecked --chunks time=1 --shards time=20 --codecs source --unchecked-copies
    peer floor-cp "$modern" none floor.py --mode cp
    peer floor-libdeflate "$modern" none floor.py --mode inflate --lib libdeflate
    peer floor-numpy "$modern" none floor.py --mode pipeline
    loop --raw
    dask
    pangeo
}

oisst-60() { oisst 60 1981-10-30; }
oisst-365() { oisst 365 1982-08-31; }

oisst-ts() {
    local workload=oisst-ts files=60 archive=oisst edit=
    made oisst gen_oisst -n 365
    warm
    both peers-codec --chunks time=60,lat=90,lon=180 --codecs "$blosc"
    both default --chunks time=60,lat=90,lon=180
    peer floor-numpy "$modern" none floor.py --mode pipeline
    loop --raw
    dask
    pangeo
}

# plain ARCHIVE FILES CHUNKS GENERATOR ARGS...
plain() {
    local workload=$1 files=$2 archive=$1 edit= chunks=$3
    made "$1" "${@:4}"
    warm
    both peers-codec --chunks "$chunks" --codecs "$blosc"
    both default --chunks "$chunks"
    peer floor-numpy "$modern" none floor.py --mode pipeline
    loop
    dask
    pangeo
}

merge() { plain merge 48 time=30,lat=180,lon=360 gen_merge -n 12; }
cmip() { plain cmip 5 time=60 gen_cmip; }
era5-f32() { plain era5-f32 2 time=1416,latitude=46,longitude=90 gen_era5 -n 2 --flavour nc4-f32; }
tiny() { plain tiny 10000 time=1000 gen_tiny -n 10000; }

workloads="oisst-60 oisst-365 oisst-ts merge cmip era5-f32 tiny"
for workload in "${@:-$workloads}"; do
    for one in $workload; do
        [[ " $workloads " = *" $one "* ]] || { echo "unknown workload \`$one\`: one of $workloads" >&2; exit 2; }
        "$one"
    done
done
"$modern" "$here/table.py" "$results" "$out/verify.log"
