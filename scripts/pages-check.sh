#!/usr/bin/env bash
# Tests the pages in a real browser. Needs Node, npm, Chromium (or CHROMIUM=path), and a built server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo build --locked
work=target/pages-check
mkdir -p "$work"
cp tests/pages/docs.mjs "$work/"
npm install --prefix "$work" --no-audit --no-fund --silent playwright-core@1

# Runs the test against a new server, behind a proxy below the path $1 unless that is empty.
check() {
    rm -f "$work/port"
    target/debug/omnidesk-mock --ephemeral --listen 127.0.0.1:0 --port-file "$work/port" > "$work/out.log" 2> "$work/err.log" &
    server=$!
    trap 'kill "$server"' EXIT
    for _ in $(seq 100); do [ -s "$work/port" ] && break; sleep 0.1; done
    BASE="http://$(cat "$work/port")" PREFIX=$1 node "$work/docs.mjs"
    kill "$server"
    trap - EXIT
}

check ""
check /mock
