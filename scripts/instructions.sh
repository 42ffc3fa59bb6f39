#!/usr/bin/env bash
# Counts the instructions that the server takes for a request of each hot path, and compares them with
# `bench/instructions.txt`. Unlike times, they are nearly the same on every machine, however busy it is. Exits with 1
# where one is too much above what is stored; `--accept` stores what was counted. Needs valgrind and Python 3.
# SERVER=path counts a program that is built already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for tool in valgrind vgdb python3; do
    command -v "$tool" > /dev/null || { echo "$tool is missing: instructions cannot be counted" >&2; exit 2; }
done
if [ -z "${SERVER:-}" ]; then
    cargo build --locked --profile counted --bin omnidesk-mock
    SERVER=${CARGO_TARGET_DIR:-$PWD/target}/counted/omnidesk-mock
fi
mkdir -p target
work=$(mktemp -d "$PWD/target/instructions.XXXXXX")
trap 'rm -rf "$work"' EXIT
python3 scripts/instructions.py "$SERVER" "$work" "$@"
