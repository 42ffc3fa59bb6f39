#!/usr/bin/env bash
# Writes screenshots of all pages of the console, in both themes and at phone width, to target/screenshots; with --docs
# also those of the documentation. Needs Chromium (or CHROMIUM=path) and Python with Playwright, which .ci/run installs
# below target/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo build --locked
export PATH=$PWD/target/python/bin:$PATH PYTHONDONTWRITEBYTECODE=1
OMNIDESK_MOCK=${CARGO_TARGET_DIR:-target}/debug/omnidesk-mock python3 tests/console/screenshots.py "$@"
