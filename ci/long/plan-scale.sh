#!/usr/bin/env bash
# What `plan` takes for COUNT inputs (default 1,000,000, ten chunks each): seconds and peak memory, with nothing known,
# and with the survey kept.
set -euo pipefail
cd "$(dirname "$0")/../.."

count=${1:-1000000}
binary=$(realpath "${ARCOFORGE_BIN:-${CARGO_TARGET_DIR:-target}/release/arcoforge}")
work=$(mktemp -d -p "${SCRATCH:-/tmp}")
trap 'rm -rf "$work"' EXIT

"${PYTHON:-.venv/bin/python}" ci/long/plan-scale.py "$work/inputs" "$count"
export XDG_CACHE_HOME=$work/cache
for known in nothing "the survey"; do
    /usr/bin/time -o "$work/time" -f '%U %S %e %M' "$binary" plan "$work/inputs/recipe.yaml" >"$work/plan" 2>/dev/null
    awk -v known="$known" -v count="$count" '{
        printf "%d inputs, %s known: %.1f s of CPU, %.1f s, %.0f MB\n", count, known, $1 + $2, $3, $4 / 1024
    }' "$work/time"
done
grep -E 'chunks? in ' "$work/plan"
du -sh "$XDG_CACHE_HOME" | awk '{ print "the kept survey takes " $1 }'
