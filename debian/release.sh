#!/bin/sh
# release.sh VERSION KEY: one commit and one tag for VERSION, and in dist/VERSION all that is published, each part tried
# by installing it. make release calls it; docs/release.md is the page about it.
#
# It works in a copy of the last commit. Commit and tag come into this clone at the very end: what fails before that
# changes nothing.
#
# PYTHON  the Python of .venv, with what make test needs
# TESTS   no: leave make test out, because CI has run it on this commit
set -eu
umask 022
unset CDPATH

say() { printf 'a1d: %s\n' "$*"; }
fail() { printf 'a1d: %s\n' "$*" >&2; exit 1; }

[ $# = 2 ] && [ -n "$1" ] && [ -n "$2" ] || fail "usage: make release VERSION=1.2.3 KEY=YOUR-GPG-KEY"
VERSION=$1 KEY=$2
SOURCE=$(cd "$(dirname "$0")/.." && pwd)
PYTHON=${PYTHON:-$SOURCE/.venv/bin/python}
OUT=$SOURCE/dist/$VERSION
TODAY=$(date -u +%Y-%m-%d)

check() {
    printf '%s\n' "$VERSION" | grep -qxE '[0-9]+[.][0-9]+[.][0-9]+' || fail "VERSION=$VERSION: expected something like 1.2.3"
    for program in git:git mmdebstrap:mmdebstrap apt-ftparchive:apt-utils gpg:gpg dpkg-buildpackage:dpkg-dev scdoc:scdoc; do
        command -v "${program%:*}" >/dev/null || fail "a release needs: sudo apt install ${program#*:}"
    done
    gpg --batch --list-secret-keys "$KEY" >/dev/null 2>&1 ||
        fail "KEY=$KEY: gpg has no secret key of that name; there are: gpg --list-secret-keys"
    cd "$SOURCE"
    [ -z "$(git status --porcelain)" ] || fail "something is not committed: git status"
    ! git rev-parse -q --verify "refs/tags/v$VERSION" >/dev/null || fail "the tag v$VERSION is there already"
    [ ! -e "$OUT" ] || fail "$OUT is there already: move it away"
    before=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' a1d/__init__.py)
    newest=$(printf '%s\n' "$before" "$VERSION" | sort -V | tail -n 1)
    [ "$newest" = "$VERSION" ] || fail "VERSION=$VERSION is older than the present $before"
    grep -qx "## $VERSION - unreleased" CHANGELOG.md ||
        fail "CHANGELOG.md has no section '## $VERSION - unreleased': say there what is new"
    if [ "${TESTS:-}" != no ]; then make -s test; fi
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

# Every place that has the version: tests/deb/test_versions.py holds that there is no other.
set_version() {
    cd "$work/a1d"
    sed -i "s/^__version__ = .*/__version__ = \"$VERSION\"/" a1d/__init__.py
    sed -i "s/^## $VERSION - unreleased\$/## $VERSION - $TODAY/" CHANGELOG.md
    sed -i "s/^pkgver=.*/pkgver=$VERSION/" docs/packaging/PKGBUILD
    author=$(sed -n 's/^Maintainer: //p' debian/control)
    # The entry that was being written is replaced; those of earlier releases stay.
    if grep -q "^a1d ($VERSION) UNRELEASED" debian/changelog; then sed -i '1,/^ -- /d' debian/changelog; fi
    {
        printf 'a1d (%s) stable; urgency=medium\n\n  * See CHANGELOG.md.\n\n' "$VERSION"
        printf ' -- %s  %s\n' "$author" "$(LC_ALL=C date -uR)"
        if grep -q . debian/changelog; then echo && sed '/./,$!d' debian/changelog; fi
    } >debian/changelog.new
    mv debian/changelog.new debian/changelog
    "$PYTHON" -m tests.install.nixpkgs_submission
    "$PYTHON" -m docs.pages
    git add -A
    git commit -q -m "Release $VERSION"
    git tag -s -u "$KEY" -m "a1d $VERSION" "v$VERSION"
}

# As setuptools makes it, but for the times and the owner, so that two builds are equal.
build_python() {
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
    export SOURCE_DATE_EPOCH
    "$PYTHON" -m pip wheel -q --no-deps --wheel-dir "$work/out" .
    "$PYTHON" -m venv "$work/tools"
    "$work/tools/bin/python" -m pip install -q 'setuptools>=77'
    "$work/tools/bin/python" -c 'import setuptools.build_meta as b, sys; b.build_sdist(sys.argv[1])' "$work" >/dev/null
    tar -xzf "$work/a1d-$VERSION.tar.gz" -C "$work"
    tar -c --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=gnu -C "$work" \
        "a1d-$VERSION" | gzip -n9 >"$work/out/a1d-$VERSION.tar.gz"
    rm -rf build ./*.egg-info
    unset SOURCE_DATE_EPOCH
}

try_python() { # FILE
    "$PYTHON" -m venv --clear "$work/try"
    "$work/try/bin/python" -m pip install -q "$1"
    [ "$(cd / && "$work/try/bin/a1d" --version)" = "a1d $VERSION" ] || fail "$1 does not install as version $VERSION"
    say "installs and runs: ${1##*/}"
}

# On both releases of Debian, each made for it. a1d-gpiod only where it is needed.
try_debs() {
    for suite in bookworm trixie; do
        wanted="/debs/a1d_${VERSION}_all.deb"
        if [ $suite = bookworm ]; then wanted="$wanted /debs/a1d-gpiod_*_$(dpkg --print-architecture).deb"; fi
        # shellcheck disable=SC2016 # mmdebstrap gives it its first argument
        mmdebstrap --quiet --variant=minbase --include=systemd,udev,python3,ca-certificates \
            --customize-hook='mkdir "$1/debs"' --customize-hook="copy-in $work/out/repository/. /debs" \
            --customize-hook='chroot "$1" sh -ec "apt-get -qq install -y --no-install-recommends '"$wanted"'; cd /
                [ \"\$(a1d --version)\" = \"a1d '"$VERSION"'\" ]; a1d --check /etc/a1d/config.yaml
                python3 -c \"import a1d.button.gpiod\""' \
            $suite /dev/null >"$work/log" 2>&1 || { tail -n 30 "$work/log" >&2; fail "the packages fail on $suite"; }
        say "installs and runs: a1d_${VERSION}_all.deb on $suite"
    done
}

check
git clone -q "$SOURCE" "$work/a1d"
for name in user.name user.email; do
    if value=$(git -C "$SOURCE" config $name); then git -C "$work/a1d" config $name "$value"; fi
done
mkdir "$work/out"
set_version
build_python
for file in "$work/out"/a1d-*; do try_python "$file"; done
PYTHON=$PYTHON sh debian/build.sh "$work/out/repository"
sh debian/repository.sh "$work/out/repository" "$KEY"
try_debs
cd "$work/out"
find . -type f -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >"$work/SHA256SUMS"
mv "$work/SHA256SUMS" .
gpg --batch --yes --local-user "$KEY" --armor --detach-sign SHA256SUMS

cd "$SOURCE"
git fetch -q "$work/a1d" "refs/tags/v$VERSION:refs/tags/v$VERSION"
git merge -q --ff-only "v$VERSION" || { git tag -d "v$VERSION"; fail "there are new commits here: do it again"; }
mkdir -p dist
mv "$work/out" "$OUT"
say "released as one commit and the tag v$VERSION, and published nowhere: git push --follow-tags; then what is in $OUT"
