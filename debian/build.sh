#!/bin/sh
# build.sh DIRECTORY: builds every .deb from these sources as they are now, and puts them there. make deb calls it.
# Nothing of the sources changes. Two builds on one machine are equal, byte by byte.
#
# PYTHON  a Python with pip, to fetch what a1d-gpiod holds (python3)
set -eu
umask 022
PYTHON=$(command -v "${PYTHON:-python3}") || { echo "a1d: PYTHON=$PYTHON does not run" >&2; exit 1; }
case $PYTHON in /*) ;; *) PYTHON=$(pwd)/$PYTHON ;; esac
PATH=/usr/sbin:/usr/bin:/sbin:/bin # Debian's own Python builds them
LC_ALL=C.UTF-8 TZ=UTC
export PATH LC_ALL TZ
unset CDPATH SOURCE_DATE_EPOCH # dpkg takes the changelog's

fail() { printf 'a1d: %s\n' "$*" >&2; exit 1; }

[ $# = 1 ] || fail "usage: debian/build.sh DIRECTORY"
mkdir -p "$1"
OUT=$(cd "$1" && pwd)
SOURCE=$(cd "$(dirname "$0")/.." && pwd)
[ -x /usr/bin/dpkg-buildpackage ] || fail "building packages needs Debian 12 or newer, and: sudo apt install dpkg-dev"
for tools in amd64:x86-64-linux-gnu arm64:aarch64-linux-gnu; do
    [ "$(dpkg --print-architecture)" = "${tools%:*}" ] || command -v "${tools#*:}-strip" >/dev/null ||
        fail "a1d-gpiod for ${tools%:*} needs: sudo apt install binutils-${tools#*:}"
done
for control in "$SOURCE/debian" "$SOURCE/debian/gpiod/debian"; do
    dpkg-checkbuilddeps "$control/control" || fail "install what is named above, each with: sudo apt install NAME"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

# What git tracks or would add; without git all that is there.
copy_sources() {
    mkdir "$work/a1d"
    cd "$SOURCE"
    if git -c safe.directory='*' ls-files -z --cached --others --exclude-standard >"$work/files" 2>/dev/null; then
        tar -c --null --files-from "$work/files" --ignore-failed-read 2>/dev/null | tar -x -C "$work/a1d"
    else
        tar -c --exclude=./.venv --exclude=./hil/.cache . | tar -x -C "$work/a1d"
    fi
}

build() { # DIRECTORY OPTION...
    cd "$1"
    shift
    dpkg-buildpackage -us -uc "$@" >"$work/log" 2>&1 || { tail -n 40 "$work/log" >&2; fail "dpkg-buildpackage failed"; }
}

fetch_gpiod() { # ARCHITECTURE MACHINE
    cp -R "$work/a1d/debian/gpiod" "$work/gpiod-$1"
    for version in 3.11 3.13; do
        "$PYTHON" -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
            --python-version $version --platform "manylinux_2_28_$2" --platform "manylinux2014_$2" \
            --dest "$work/gpiod-$1/wheels" --requirement "$work/gpiod-$1/requirements.txt" 2>"$work/log" ||
            { cat "$work/log" >&2; fail "gpiod's wheels could not be had (the reason is above)"; }
    done
}

copy_sources
build "$work/a1d" --build=binary
for names in amd64:x86_64 arm64:aarch64; do
    fetch_gpiod "${names%:*}" "${names#*:}"
    # -d: no compiler for that architecture is wanted, because nothing is compiled.
    build "$work/gpiod-${names%:*}" --build=any --host-arch "${names%:*}" -d
done
mv "$work"/*.deb "$OUT"
