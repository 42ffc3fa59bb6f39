#!/usr/bin/env bash
# Counts the instructions per request of each hot path, and compares them with `bench/instructions.txt`. Unlike times,
# they are nearly the same on every machine, regardless of its load. Exits with 1 if a count exceeds the stored one by
# more than the tolerance; `--accept` stores the new counts. Needs valgrind and Python 3. It counts the debug build of the
# tests: a release takes minutes to build, and what becomes dearer becomes dearer in both. SERVER=path uses another build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for tool in valgrind vgdb python3; do
    command -v "$tool" > /dev/null || { echo "$tool is not installed: instructions cannot be counted" >&2; exit 2; }
done
if [ -z "${SERVER:-}" ]; then
    # `cargo build` would build the dependencies again, with fewer features.
    cargo test --locked --no-run --test conformance
    SERVER=${CARGO_TARGET_DIR:-$PWD/target}/debug/omnidesk-mock
fi
mkdir -p target
work=$(mktemp -d "$PWD/target/instructions.XXXXXX")
trap 'rm -rf "$work"' EXIT
python3 scripts/instructions.py "$SERVER" "$work" "$@"
