#!/bin/sh
# Puts a1d on this system, or takes it off: make install, install-files, uninstall. docs/service.md says what is where.
#
# DESTDIR  a scratch root to fill, for packagers; nothing of this system is touched then
# PREFIX   the directory of a1d's own virtual environment (/opt/a1d); nothing else may be in it
# BINDIR   where a1d and a1d-ctl are linked from (/usr/local/bin)
# PYTHON   the Python that will run it (python3), 3.11 or newer
set -eu
umask 022
unset CDPATH               # or cd goes elsewhere, and says where
PATH=$PATH:/usr/sbin:/sbin # su without - has none of these

DESTDIR=${DESTDIR:-}
DESTDIR=${DESTDIR%/}
PREFIX=${PREFIX:-/opt/a1d}
PREFIX=${PREFIX%/}
BINDIR=${BINDIR:-/usr/local/bin}
PYTHON=${PYTHON:-python3}
SOURCE=$(cd "$(dirname "$0")/.." && pwd)
UNITS=/usr/lib/systemd/system
HOOK=/usr/lib/systemd/system-shutdown/a1d-powercut
SYSUSERS=/usr/lib/sysusers.d/a1d.conf
UDEV=/usr/lib/udev/rules.d/60-a1d.rules
POLKIT=/usr/share/polkit-1/rules.d/50-a1d.rules
CONFIG=/etc/a1d/config.yaml
OPT=$DESTDIR$PREFIX
# In a directory of a1d's own: nothing else may ever be moved or removed. It remembers what was made besides.
MADE=.made-by-make-install
# Manual pages and completions: below /usr/share as they are below docs/pages/share.
SHARE=$(cd "$SOURCE/docs/pages/share" && printf '%s ' */*/*)
FILES="$UNITS/a1d.service $UNITS/a1d-power@.path $UNITS/a1d-power@.service $SYSUSERS $UDEV $POLKIT
    $UNITS/a1d-metrics.socket $UNITS/a1d-metrics@.service $UNITS/a1d-mqtt.service"
for name in $SHARE; do FILES="$FILES /usr/share/$name"; done

COMMANDS="a1d a1d-ctl a1d-mqtt" # linked from BINDIR

# It may be killed at any moment, by a power cut too. Every step can be repeated, what was made is written down before
# it is made, and a program, once there, is there at each moment: tests/install/test_killed.py.

say() { printf 'a1d: %s\n' "$*"; }
fail() { printf 'a1d: %s\n' "$*" >&2; exit 1; }
# shellcheck source=/dev/null
. "$SOURCE/systemd/account.sh"
# shellcheck source=/dev/null
. "$SOURCE/systemd/install-checks.sh"
systemd_runs() { [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]; }

install_all() {
    check_prefix
    [ -n "$DESTDIR" ] || [ "$(id -u)" = 0 ] || fail "installing needs root: sudo make install"
    check_places
    DESTDIR=$DESTDIR PREFIX=$PREFIX sh "$SOURCE/a1d/doctor/other-daemons.sh" || exit 1
    check_python
    recover
    install_program
    install_files
    for name in $COMMANDS; do link "$PREFIX/bin/$name" "$BINDIR/$name"; done
    if [ -z "$DESTDIR" ]; then
        make_users
        bus=$("$OPT/bin/a1d" --print-config 2>/dev/null | sed -n 's/^  bus: //p')
        sh "$SOURCE/systemd/enable-i2c.sh" "${bus:-1}"
        sync # or a power cut soon after could leave an empty unit, which counts as masked
        start_service
        offer_import
    fi
}

# What pip and Python are told by the environment would go into what is built, or elsewhere. Where packages come from stays.
clean_environment() {
    for name in $(env | sed -nE 's/^((PIP|PYTHON)[A-Za-z0-9_]*)=.*/\1/p'); do
        case $name in
            PYTHON | PIP_INDEX_URL | PIP_EXTRA_INDEX_URL | PIP_NO_INDEX | PIP_FIND_LINKS | PIP_CACHE_DIR) ;;
            PIP_PROXY | PIP_CERT | PIP_CLIENT_CERT | PIP_TRUSTED_HOST | PIP_TIMEOUT | PIP_DEFAULT_TIMEOUT | PIP_RETRIES) ;;
            *) unset "$name" ;;
        esac
    done
}

# Killed between its two renames, an earlier version of this script left the program under another name.
recover() {
    if [ ! -e "$OPT" ] && [ -e "$OPT.old/$MADE" ]; then mv -T "$OPT.old" "$OPT"; fi
}

# Built beside the old one, tried, and put in its place in one step: whatever fails before that changes nothing.
install_program() {
    say "building in $OPT.new"
    build=$OPT.new/.build
    pip="$build/tools/bin/python -m pip --quiet --disable-pip-version-check"
    remove_tree "$OPT.new"
    trap 'remove_tree "$OPT.new"' EXIT
    trap 'exit 1' INT TERM HUP
    mkdir -p "$OPT.new"
    list_made >"$OPT.new/$MADE"
    # What is built must not leave root's files in the sources.
    mkdir -p "$build/source"
    for file in pyproject.toml README.md LICENSE a1d; do cp -R "$SOURCE/$file" "$build/source"; done
    # Compiling setuptools, to use it once, would be half of the work.
    export PIP_NO_COMPILE=1
    "$PYTHON" -m venv "$build/tools"
    # gpiod and PyYAML hold C: without a wheel for this machine, say so instead of looking for a compiler.
    # sdnotify comes as source, for which bookworm's pip would want more than it brings: hence pep517.
    $pip wheel --use-pep517 --only-binary gpiod,pyyaml --wheel-dir "$build/wheels" "$build/source[mqtt]" ||
        fail "the Python packages could not be had (the reason is above); nothing has been changed"

    "$PYTHON" -m venv --without-pip "$OPT.new"
    # No environment and no pip.conf may say where to.
    PIP_CONFIG_FILE=/dev/null $pip --isolated --python "$OPT.new/bin/python" install --no-compile \
        --root-user-action ignore --no-index --find-links "$build/wheels" "a1d[mqtt]" ||
        fail "the new program could not be put together (the reason is above); nothing has been changed"
    rm -rf "$build"
    # It is not called .new in the end, and a packager's scratch root not at all.
    rm -f "$OPT.new"/bin/[Aa]ctivate*
    sed -i "s|$OPT.new|$PREFIX|g" "$OPT.new/pyvenv.cfg"
    for script in "$OPT.new"/bin/*; do
        if [ ! -L "$script" ]; then sed -i "1,2s|$OPT.new|$PREFIX|" "$script"; fi
    done
    # A release upgrade changes the Python beneath: the fan and the power cut must still work (gpiod will not).
    packages=$(basename "$OPT.new"/lib/python3.*)
    for minor in 11 12 13 14 15 16; do
        if [ ! -e "$OPT.new/lib/python3.$minor" ]; then ln -s "$packages" "$OPT.new/lib/python3.$minor"; fi
    done
    "$OPT.new/bin/python" -m compileall -q -f -s "$OPT.new" -p "$PREFIX" "$OPT.new/lib"
    mkdir -p "$OPT.new/share/doc/a1d"
    cp -R "$SOURCE/README.md" "$SOURCE/LICENSE" "$SOURCE/CHANGELOG.md" "$SOURCE/docs" "$OPT.new/share/doc/a1d"
    try_program || fail "the new program does not run (the reason is above); nothing has been changed"
    sync -f "$OPT.new" # or a power cut could leave empty files under the right names

    if [ -e "$OPT/$MADE" ]; then
        exchange "$OPT.new" "$OPT" || fail "$OPT cannot be replaced in one step; nothing has been changed." \
            "Do it in two: sudo make uninstall && sudo make install"
    else
        mv -T "$OPT.new" "$OPT"
    fi
    trap - EXIT INT TERM HUP
    remove_tree "$OPT.new"
    remove_tree "$OPT.old"
}

# The groups and the user that are not there: uninstalling takes away nobody else's.
list_made() {
    if [ -e "$OPT/$MADE" ]; then cat "$OPT/$MADE"; fi
    [ -z "$DESTDIR" ] || return 0
    for group in i2c gpio a1d; do
        getent group "$group" >/dev/null || echo "group $group"
    done
    getent passwd a1d >/dev/null || echo "passwd a1d"
}

# As far as it goes without touching the bus: a1d-failsafe is only loaded, and at a reboot a1d-powercut does nothing.
try_program() (
    cd / || exit 1
    python="$OPT.new/bin/python -I"
    for name in a1d a1d-ctl a1d-failsafe a1d-powercut; do
        if [ ! -x "$OPT.new/bin/$name" ] || ! head -n 2 "$OPT.new/bin/$name" | grep -qF "$PREFIX/bin/python"; then
            say "$OPT.new/bin/$name is missing or is not for $PREFIX" >&2
            exit 1
        fi
    done
    $python -c 'import a1d.case.failsafe, gpiod, smbus2' &&
        $python "$OPT.new/bin/a1d" --version >/dev/null &&
        $python "$OPT.new/bin/a1d" --check "$SOURCE/systemd/config.yaml" >/dev/null &&
        $python "$OPT.new/bin/a1d-ctl" --help >/dev/null &&
        $python "$OPT.new/bin/a1d-powercut" reboot
)

# Two directories swap their names in one step (renameat2, RENAME_EXCHANGE): mv knows that from coreutils 9.5 on.
exchange() {
    "$PYTHON" -I -c 'import ctypes, os, sys
here, there = map(os.fsencode, sys.argv[1:])
if ctypes.CDLL(None, use_errno=True).renameat2(-100, here, -100, there, 2):
    sys.exit(os.strerror(ctypes.get_errno()))' "$1" "$2"
}

# The mark goes last: by it a second run knows what a first one, killed, has left.
remove_tree() {
    if [ -d "$1" ] && [ ! -L "$1" ]; then find "$1" -mindepth 1 ! -path "$1/$MADE" -delete; fi
    rm -rf "$1"
}

install_files() {
    put a1d.service "$UNITS/a1d.service"
    put a1d-power@.path "$UNITS/a1d-power@.path"
    put a1d-power@.service "$UNITS/a1d-power@.service"
    for unit in a1d-metrics.socket a1d-metrics@.service a1d-mqtt.service; do put $unit "$UNITS/$unit"; done
    put a1d.sysusers "$SYSUSERS"
    put a1d.udev "$UDEV"
    put a1d.rules "$POLKIT"
    link "$PREFIX/bin/a1d-powercut" "$HOOK"
    if [ ! -e "$DESTDIR$CONFIG" ]; then put config.yaml "$CONFIG"; fi
    for name in $SHARE; do put "../docs/pages/share/$name" "/usr/share/$name"; done
}

put() {
    [ -d "$DESTDIR${2%/*}" ] || mkdir -p "$DESTDIR${2%/*}"
    sed "s|/opt/a1d|$PREFIX|g" "$SOURCE/systemd/$1" >"$DESTDIR$2.new" # its mode is the umask's
    mv -f "$DESTDIR$2.new" "$DESTDIR$2"
}

link() {
    mkdir -p "$DESTDIR${2%/*}"
    if [ "$(readlink "$DESTDIR$2")" != "$1" ]; then ln -sfn "$1" "$DESTDIR$2"; fi
}

make_users() {
    systemd-sysusers "$SYSUSERS"
    if [ -e /run/udev/control ]; then
        udevadm control --reload
        udevadm trigger --settle --subsystem-match=i2c-dev --subsystem-match=gpio
    fi
}

start_service() {
    if ! systemd_runs; then
        systemctl enable a1d.service
        say "installed; systemd does not run here, so the service will start when it does"
        return 0
    fi
    if [ ! -e /usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service ]; then
        say "polkit is not installed, so the button can neither reboot nor power off: sudo apt install polkitd," \
            "or see \"Without polkit\" in $PREFIX/share/doc/a1d/docs/service.md"
    fi
    systemctl daemon-reload
    systemctl enable --quiet a1d.service
    if ! systemctl restart a1d.service; then
        journalctl --no-pager -n 20 -u a1d.service >&2 || true
        fail "installed, but the service does not start (its last words are above); systemd keeps trying"
    fi
    systemctl try-restart a1d-mqtt.service # the new version, if it runs at all
    say "installed and running. Its configuration: $CONFIG"
    "$OPT/bin/a1d-ctl" status || say "that is not all well; the reason is above, and more is in: journalctl -u a1d"
}

# Never done by itself: what is in use is the user's. Only said of files that can be read, and while nothing is set.
offer_import() {
    found=
    for file in /etc/argononed.conf /etc/argononed-hdd.conf /etc/argoneon.conf; do
        # Two of them can be for the same fan curve.
        # shellcheck disable=SC2086 # no word if empty
        if [ -f "$file" ] && "$OPT/bin/a1d" --import $found "$file" >/dev/null 2>&1; then found="$found $file"; fi
    done
    if [ -n "$found" ] && ! grep -qv '^[[:space:]]*\(#.*\)\{0,1\}$' "$CONFIG"; then
        say "another daemon's settings are in${found}; as a1d's they are printed by: a1d --import$found"
        say "how to use them: $PREFIX/share/doc/a1d/docs/moving.md"
    fi
}

uninstall() {
    [ -z "$DESTDIR" ] || fail "DESTDIR=$DESTDIR: just remove it"
    [ "$(id -u)" = 0 ] || fail "uninstalling needs root: sudo make uninstall"
    check_prefix
    recover
    if [ -e "$UNITS/a1d.service" ]; then
        now=
        if systemd_runs; then now=--now; fi
        # shellcheck disable=SC2086 # no word if empty
        systemctl disable --quiet $now a1d.service a1d-power@poweroff.path a1d-power@reboot.path
        # One that an earlier version has not brought is no reason to stop.
        for unit in a1d-metrics.socket a1d-mqtt.service; do
            # shellcheck disable=SC2086
            if [ -e "$UNITS/$unit" ]; then systemctl disable --quiet $now $unit; fi
        done
    fi
    # Nobody will look after the fan from here on.
    if systemd_runs && [ -x "$OPT/bin/a1d-failsafe" ]; then "$OPT/bin/a1d-failsafe" 2>&1 || true; fi
    for file in $FILES "$HOOK" "$CONFIG.new"; do rm -f "$file" "$file.new"; done
    for name in $COMMANDS; do
        if [ "$(readlink "$BINDIR/$name")" = "$PREFIX/bin/$name" ]; then rm "$BINDIR/$name"; fi
    done
    rm -rf /run/a1d
    if systemd_runs; then
        systemctl daemon-reload
        systemctl reset-failed a1d.service 2>/dev/null || true
    fi
    # The user first: a group is only removed when it is nobody's any more.
    for kind in passwd group; do
        sed -n "s/^$kind //p" "$OPT/$MADE" 2>/dev/null | sort -u | while read -r name; do
            case $kind/$name/$(getent "$kind" "$name") in
                passwd/*) userdel "$name" || true ;;
                group/a1d/a1d:* | group/*:) groupdel "$name" || true ;;
            esac
        done
    done
    if [ -e /run/udev/control ]; then
        udevadm control --reload
        udevadm trigger --subsystem-match=i2c-dev --subsystem-match=gpio
    fi
    for directory in "$OPT.new" "$OPT.old" "$OPT"; do remove_tree "$directory"; done
    say "removed, except for ${CONFIG%/*}"
    for boot in /boot/firmware/config.txt /boot/config.txt; do
        rm -f "$boot.before-a1d.new"
        if [ -e "$boot.before-a1d" ]; then say "and $boot, in which a1d enabled I2C; as it was before: $boot.before-a1d"; fi
    done
}

clean_environment
check_names
case ${1:-} in
    install) install_all ;;
    install-files) install_files ;;
    uninstall) uninstall ;;
    *) fail "usage: make install | install-files | uninstall" ;;
esac
