#!/usr/bin/env bash
# Builds the release twice, in two directories and two time zones, and fails if the programs differ.
# The result is target/reproducible/omnidesk-mock. The argument is the target. Needs git; takes minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${1:-$(rustc -vV | sed -n 's/^host: //p')}
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

# Builds a copy of the source in this directory.
build() {
    local dir=$work/$1
    mkdir -p "$dir"
    git ls-files -z --cached --others --exclude-standard \
        | tar --create --null --files-from - | tar --extract --directory "$dir"
    "$dir/scripts/release-build.sh" "$target"
    mv "$dir/target/$target/release/omnidesk-mock" "$work/$2"
    rm -rf "$dir"
}

TZ=UTC LC_ALL=C build one first
TZ=Asia/Tokyo LC_ALL=C.UTF-8 build another/and-longer/directory second

cd "$work"
sha256sum first second
cmp first second || { echo 'The two builds differ.' >&2; exit 1; }
# A path of the build machine would leak information and make builds differ.
if grep --text --quiet --fixed-strings --regexp "$work" --regexp "$HOME/" first; then
    echo 'The program contains a path of this machine.' >&2
    exit 1
fi
mkdir -p "$root/target/reproducible"
mv first "$root/target/reproducible/omnidesk-mock"
