#!/usr/bin/env bash
# Coverage-guided fuzzing of every target of fuzz/: ci/long/fuzz.sh [SECONDS [TARGET...]]   (default: 300 s for each, all)
#
# libFuzzer on stable Rust, in a target folder of its own. The corpus that it finds and the inputs that fail stay in
# $ARCOFORGE_FUZZ_FOLDER (default: target/fuzz). `arcoforge-fuzz --replay FILE TARGET` runs one of them again.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-300}
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    mapfile -t targets < <(sed -n 's/.*name: "\([a-z0-9_]*\)".*/\1/p' fuzz/src/targets/mod.rs)
fi
folder=$(realpath -m "${ARCOFORGE_FUZZ_FOLDER:-target/fuzz}")
host=$(rustc -vV | sed -n 's/^host: //p')
# what cargo-fuzz passes, without the sanitizer, which needs a nightly compiler; with a host named, build scripts and
# procedural macros are not instrumented
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
coverage+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
coverage+=" -Cllvm-args=-sanitizer-coverage-trace-compares"
mkdir -p "$folder"
RUSTFLAGS="$coverage" CARGO_TARGET_DIR="$folder/target" \
    cargo build --release --target "$host" --manifest-path fuzz/libfuzzer/Cargo.toml
cargo build --release --locked --workspace --bin arcoforge-fuzz
plain=$(realpath "${CARGO_TARGET_DIR:-target}/release/arcoforge-fuzz")

failed=0
for target in "${targets[@]}"; do
    corpus=$folder/corpus/$target
    mkdir -p "$corpus" "$folder/seeds/$target" "$folder/failed"
    "$plain" --seeds "$folder/seeds/$target" "$target"
    printf '\n== %s, %s s\n' "$target" "$seconds"
    # limits of time and memory are the target's own; libFuzzer's are only the net below them
    ARCOFORGE_FUZZ_TARGET=$target "$folder/target/$host/release/arcoforge-libfuzzer" "$corpus" "$folder/seeds/$target" \
        -max_total_time="$seconds" -max_len=131072 -timeout=30 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$folder/failed/$target-" 2>&1 | grep -E '^(FAULT|stat::|artifact|Done|==|SUMMARY)|panicked' ||
        true
    if compgen -G "$folder/failed/$target-*" >/dev/null; then
        failed=1
    fi
done
exit $failed
