#!/usr/bin/env bash
# Builds the release twice, in two folders and two time zones, and fails unless the bytes are the same.
# The program is then target/reproducible/omnidesk-mock. An argument is the target; needs git, and minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${1:-$(rustc -vV | sed -n 's/^host: //p')}
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

# Builds a copy of the source in this folder.
build() {
    local folder=$work/$1
    mkdir -p "$folder"
    git ls-files -z --cached --others --exclude-standard \
        | tar --create --null --files-from - | tar --extract --directory "$folder"
    "$folder/scripts/release-build.sh" "$target"
    mv "$folder/target/$target/release/omnidesk-mock" "$work/$2"
    rm -rf "$folder"
}

TZ=UTC LC_ALL=C build one first
TZ=Asia/Tokyo LC_ALL=C.UTF-8 build another/and-longer/folder second

cd "$work"
sha256sum first second
cmp first second || { echo 'The two builds differ.' >&2; exit 1; }
# A path of the builder would be a secret of its machine, and a difference on the next one.
if grep --text --quiet --fixed-strings --regexp "$work" --regexp "$HOME/" first; then
    echo 'The program holds a path of this machine.' >&2
    exit 1
fi
mkdir -p "$root/target/reproducible"
mv first "$root/target/reproducible/omnidesk-mock"
