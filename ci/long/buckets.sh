#!/usr/bin/env bash
# Writers of one key while requests and answers are lost: ci/long/buckets.sh [SEEDS] [FIRST SEED].
set -euo pipefail
cd "$(dirname "$0")/../.."

ARCOFORGE_BIN=$(realpath "${ARCOFORGE_BIN:-${CARGO_TARGET_DIR:-target}/release/arcoforge}")
export ARCOFORGE_BIN
# in memory: 50 times as many schedules as in the tests
ARCOFORGE_SCHEDULES_TIMES=${TIMES:-50} cargo test --release --locked -p arcoforge-store --test it -- bucket::
# on a real store, ten schedules a seed, from seeds that differ from night to night
cargo build --release --locked -p arcoforge-store --example bucket
first=${2:-$(($(date +%s) / 86400 * 1000))}
"${PYTHON:-.venv/bin/python}" tests/test_buckets.py --first "$first" --seeds "${1:-200}"
