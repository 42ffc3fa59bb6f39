#!/usr/bin/env bash
# The reproducible release build, for the host or for the target in the argument: target/TARGET/release/omnidesk-mock.
# The program depends only on the source, Cargo.lock and the tools: it contains no path, no date and no build id.
# If cargo-auditable is on the path, the program contains the list of its dependencies.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${1:-$(rustc -vV | sed -n 's/^host: //p')}
cargo_home=${CARGO_HOME:-$HOME/.cargo}
build=(build)
! command -v cargo-auditable > /dev/null || build=(auditable build)

flags=(
    "--remap-path-prefix=$cargo_home=/cargo"
    "--remap-path-prefix=$PWD=/build"
    -C "link-arg=-Wl,--build-id=none"
)
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && printf '%s' "${flags[*]}")
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || echo 0)}
# These flags are for SQLite, which is C.
export CFLAGS="-ffile-prefix-map=$cargo_home=/cargo -ffile-prefix-map=$PWD=/build"
export CARGO_ENCODED_RUSTFLAGS SOURCE_DATE_EPOCH
unset CARGO_TARGET_DIR RUSTFLAGS

cargo "${build[@]}" --release --locked --package omnidesk-mock --target "$target"
