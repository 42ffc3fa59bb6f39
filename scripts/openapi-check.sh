#!/usr/bin/env bash
# Validates both OpenAPI documents, then tests a server against each with generated
# requests: single requests, and sequences in which a request uses values of earlier
# responses. Needs Python 3.10 or newer with venv; the packages go below target/.
# EXAMPLES=500 sets the number of requests per operation. MINUTES=30 sets the duration
# for each document, with new requests until the end. Further arguments are passed to
# schemathesis, such as --phases stateful --seed 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD work=$PWD/target/openapi-check
mkdir -p "$work"

[ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    openapi-spec-validator==0.9.0 schemathesis==4.32.5

cargo build --locked
server=${CARGO_TARGET_DIR:-$root/target}/debug/omnidesk-mock

cd "$work" # schemathesis writes its caches to the working directory
"$server" openapi > openapi.json
"$server" openapi --all > openapi-all.json
"$server" openapi --control > control.json
venv/bin/openapi-spec-validator openapi.json openapi-all.json control.json

# An unknown ticket returns 404 instead of 400, so that 400 always means invalid input.
cat > mock.toml <<'TOML'
[dialect]
unknown_ticket_status = 404
unknown_ids = "skip"
TOML

process=
trap 'kill $process 2>/dev/null || true' EXIT

# Starts a server and tests it against the document at this path.
test_document() {
    local document=$1 failed=0
    shift
    rm -f port
    "$server" --ephemeral --config mock.toml --listen 127.0.0.1:0 --port-file port > server.log 2>&1 &
    process=$!
    for _ in $(seq 100); do [ -s port ] || sleep 0.1; done
    [ -s port ] || { cat server.log >&2; exit 1; }

    SCHEMATHESIS_HOOKS=$root/scripts/schemathesis_hooks.py venv/bin/schemathesis \
        --config-file "$root/scripts/schemathesis.toml" run "http://$(cat port)$document" \
        --header 'apiKey: dev-key' --max-examples "${EXAMPLES:-50}" \
        ${MINUTES:+--max-time $((MINUTES * 60))} "$@" || failed=1

    # The server logs its own defects. It must still be running and must exit cleanly.
    if grep -E 'ERROR|panicked|fatal' server.log >&2; then failed=1; fi
    kill "$process"
    wait "$process" || { echo "the server did not exit cleanly" >&2; failed=1; }
    process=
    return "$failed"
}

failed=0
test_document /openapi-all.json "$@" || failed=1
test_document /_control/openapi.json "$@" || failed=1
exit "$failed"
