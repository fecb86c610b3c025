#!/bin/sh
# repository.sh DIRECTORY KEY: makes the .deb files of DIRECTORY a repository that apt can read from any web server or
# from a disk, signed with KEY, one of your gpg keys. docs/release.md says what its users do.
set -eu
umask 022
LC_ALL=C.UTF-8
export LC_ALL

fail() { printf 'a1d: %s\n' "$*" >&2; exit 1; }

[ $# = 2 ] || fail "usage: debian/repository.sh DIRECTORY KEY"
for program in apt-ftparchive:apt-utils gpg:gpg; do
    command -v "${program%:*}" >/dev/null || fail "this needs: sudo apt install ${program#*:}"
done
gpg --batch --list-secret-keys "$2" >/dev/null 2>&1 ||
    fail "KEY=$2: gpg has no secret key of that name; there are: gpg --list-secret-keys"
cd "$1"
rm -f Packages* Release* InRelease a1d-archive-keyring.gpg
apt-ftparchive packages . >Packages
[ -s Packages ] || fail "there is no .deb in $1"
gzip -n9k Packages
apt-ftparchive -o APT::FTPArchive::Release::Origin=a1d -o APT::FTPArchive::Release::Label=a1d \
    -o APT::FTPArchive::Release::Suite=stable -o APT::FTPArchive::Release::Architectures='all amd64 arm64' \
    release . >.Release.new
mv .Release.new Release # else it would list itself
gpg --batch --yes --local-user "$2" --clearsign --output InRelease Release
gpg --batch --yes --local-user "$2" --armor --detach-sign --output Release.gpg Release
gpg --batch --export "$2" >a1d-archive-keyring.gpg
