#!/usr/bin/env bash
# Counts the instructions per request of each hot path, and compares them with `bench/instructions.txt`. Unlike times,
# they are nearly the same on every machine, regardless of its load. Exits with 1 if a count exceeds the stored one by
# more than the tolerance; `--accept` stores the new counts. Needs valgrind and Python 3. SERVER=path uses an existing
# build of the server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for tool in valgrind vgdb python3; do
    command -v "$tool" > /dev/null || { echo "$tool is not installed: instructions cannot be counted" >&2; exit 2; }
done
if [ -z "${SERVER:-}" ]; then
    cargo build --locked --profile counted --bin omnidesk-mock
    SERVER=${CARGO_TARGET_DIR:-$PWD/target}/counted/omnidesk-mock
fi
mkdir -p target
work=$(mktemp -d "$PWD/target/instructions.XXXXXX")
trap 'rm -rf "$work"' EXIT
python3 scripts/instructions.py "$SERVER" "$work" "$@"
