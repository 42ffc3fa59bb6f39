#!/usr/bin/env bash
# Runs a fuzz target for a number of seconds: scripts/fuzz.sh decoder 600. The default is 60 seconds; without a target
# it runs all of them. Needs a nightly compiler, a C++ compiler and cargo-fuzz (cargo install cargo-fuzz --locked).
# A run starts from fuzz/seeds and stores new inputs in fuzz/corpus. It stores crashing inputs in fuzz/artifacts and
# prints them. scripts/fuzz.sh keep decoder minimizes the corpus into fuzz/seeds, with the same coverage.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

all=(decoder seed view request)
# The code is safe Rust, and a sanitizer does not instrument SQLite. Without one the runs are twice as fast.
build=(--sanitizer none)
limits=(-timeout=10 -rss_limit_mb=4096)
# The size limit of stored inputs in bytes, so that the repository stays small.
max_len=4096

build_target() {
    cargo +nightly fuzz build "${build[@]}" "$1"
    mkdir -p "fuzz/corpus/$1" "fuzz/seeds/$1" "fuzz/artifacts/$1"
}

run() {
    local target=$1 seconds=$2 options
    build_target "$target"
    case $target in
        # Text inputs grow slowly from short ones; requests and views need many bytes from the start.
        decoder | seed) options=("-dict=fuzz/dictionaries/$target" "-max_len=$max_len") ;;
        *) options=(-len_control=0 -max_len=1024) ;;
    esac
    cargo +nightly fuzz run "${build[@]}" "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        "-max_total_time=$seconds" "${limits[@]}" -print_final_stats=1 "${options[@]}" || {
        for input in "fuzz/artifacts/$target"/*; do
            [ -e "$input" ] || continue
            echo "$input, in base64:"
            base64 "$input"
        done
        exit 1
    }
}

minimize() {
    local target=$1 merged
    build_target "$target"
    merged=$(mktemp -d)
    cargo +nightly fuzz run "${build[@]}" "$target" "$merged" "fuzz/seeds/$target" "fuzz/corpus/$target" -- \
        -merge=1 "-max_len=$max_len" "${limits[@]}"
    rm -rf "fuzz/seeds/$target"
    mv "$merged" "fuzz/seeds/$target"
    chmod 755 "fuzz/seeds/$target"
    du -sh --apparent-size "fuzz/seeds/$target"
}

case ${1:-} in
    keep) minimize "$2" ;;
    "") for target in "${all[@]}"; do run "$target" 60; done ;;
    *) run "$1" "${2:-60}" ;;
esac
