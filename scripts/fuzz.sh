#!/usr/bin/env bash
# Runs a fuzz target for so many seconds: scripts/fuzz.sh decoder 600. Without a time it runs for a minute; without a
# target each has its turn. Needs a nightly compiler, a C++ compiler and cargo-fuzz (cargo install cargo-fuzz --locked).
# It starts from fuzz/seeds and keeps what it finds in fuzz/corpus; what breaks is in fuzz/artifacts, and is printed.
# scripts/fuzz.sh keep decoder takes the smallest inputs that reach as much into fuzz/seeds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

all=(decoder seed view request)
# Our code is safe Rust, and a sanitizer does not look into SQLite: without one everything is twice as fast.
build=(--sanitizer none)
limits=(-timeout=10 -rss_limit_mb=4096)
# The largest inputs that are kept, so that the repository stays small.
most=4096

built() {
    cargo +nightly fuzz build "${build[@]}" "$1"
    mkdir -p "fuzz/corpus/$1" "fuzz/seeds/$1" "fuzz/artifacts/$1"
}

run() {
    local target=$1 seconds=$2 more
    built "$target"
    case $target in
        # What is read as a text grows slowly from short ones; requests and views take many bytes from the start.
        decoder | seed) more=("-dict=fuzz/dictionaries/$target" "-max_len=$most") ;;
        *) more=(-len_control=0 -max_len=1024) ;;
    esac
    cargo +nightly fuzz run "${build[@]}" "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        "-max_total_time=$seconds" "${limits[@]}" -print_final_stats=1 "${more[@]}" || {
        for input in "fuzz/artifacts/$target"/*; do
            [ -e "$input" ] || continue
            echo "$input, in base64:"
            base64 "$input"
        done
        exit 1
    }
}

keep() {
    local target=$1 kept
    built "$target"
    kept=$(mktemp -d)
    cargo +nightly fuzz run "${build[@]}" "$target" "$kept" "fuzz/seeds/$target" "fuzz/corpus/$target" -- \
        -merge=1 "-max_len=$most" "${limits[@]}"
    rm -rf "fuzz/seeds/$target"
    mv "$kept" "fuzz/seeds/$target"
    chmod 755 "fuzz/seeds/$target"
    du -sh --apparent-size "fuzz/seeds/$target"
}

case ${1:-} in
    keep) keep "$2" ;;
    "") for target in "${all[@]}"; do run "$target" 60; done ;;
    *) run "$1" "${2:-60}" ;;
esac
