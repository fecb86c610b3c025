#!/bin/sh
# Puts a1d on this system, or takes it off: make install, install-files, uninstall. docs/service.md says what is where.
#
# DESTDIR  a scratch root to fill, for packagers; nothing of this system is touched then
# PREFIX   the directory of a1d's own virtual environment (/opt/a1d); nothing else may be in it
# BINDIR   where a1d and a1d-ctl are linked from (/usr/local/bin)
# PYTHON   the Python that will run it (python3), 3.11 or newer
set -eu
umask 022
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

say() { printf 'a1d: %s\n' "$*"; }
fail() { printf 'a1d: %s\n' "$*" >&2; exit 1; }
systemd_runs() { [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]; }

install_all() {
    check_prefix
    [ -n "$DESTDIR" ] || [ "$(id -u)" = 0 ] || fail "installing needs root: sudo make install"
    check_others
    check_python
    install_program
    install_files
    for name in a1d a1d-ctl; do
        mkdir -p "$DESTDIR$BINDIR"
        ln -sfn "$PREFIX/bin/$name" "$DESTDIR$BINDIR/$name"
    done
    if [ -z "$DESTDIR" ]; then
        make_users
        bus=$("$OPT/bin/a1d" --print-config 2>/dev/null | sed -n 's/^  bus: //p')
        sh "$SOURCE/systemd/enable-i2c.sh" "${bus:-1}"
        start_service
    fi
}

check_prefix() {
    case $PREFIX in
        [!/]* | '') fail "PREFIX=$PREFIX: expected something like /opt/a1d" ;;
    esac
    case $DESTDIR in
        [!/]*) fail "DESTDIR=$DESTDIR: expected an absolute path" ;;
    esac
    if [ -e "$OPT" ] && [ ! -e "$OPT/$MADE" ]; then
        fail "$OPT is there already and is not a1d's. PREFIX must be a directory for a1d alone;" \
            "a package that brings the Python part itself wants: make install-files"
    fi
    [ -z "$DESTDIR" ] || return 0
    parent=${PREFIX%/*}
    while [ ! -d "$parent/" ]; do parent=${parent%/*}; done
    case $(readlink -f "$parent/") in
        /home* | /root* | /tmp* | /var/tmp* | /run*) fail "PREFIX=$PREFIX: the service sees nothing there; expected something like /opt/a1d" ;;
    esac
    if [ "$(stat -c %d "$parent/")" != "$(stat -c %d /)" ]; then
        fail "PREFIX=$PREFIX is on a file system of its own: the power-cut hook comes when that is unmounted already"
    fi
    installed=$(sed -n 's|^ExecStart=\(.*\)/bin/a1d$|\1|p' "$UNITS/a1d.service" 2>/dev/null || true)
    if [ -n "$installed" ] && [ "$installed" != "$PREFIX" ]; then
        fail "a1d is installed in $installed: say PREFIX=$installed, or first: sudo make uninstall PREFIX=$installed"
    fi
}

check_python() {
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "PYTHON=$PYTHON does not run or is older than 3.11, the one of Debian 12 and Raspberry Pi OS bookworm"
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$PYTHON cannot make virtual environments; install that first: sudo apt install python3-venv"
    [ -z "$DESTDIR" ] || return 0
    case $("$PYTHON" -c 'import os, sys; print(os.path.realpath(sys.executable))') in
        /home/* | /root/* | /tmp/* | /var/tmp/*) fail "PYTHON=$PYTHON lives where the service cannot see it; try PYTHON=/usr/bin/python3" ;;
    esac
}

# Two daemons fight over one fan.
check_others() {
    found=
    for file in "$DESTDIR"/etc/systemd/system/argon* "$DESTDIR"/usr/local/lib/systemd/system/argon* \
        "$DESTDIR$UNITS"/argon* "$DESTDIR${HOOK%/*}"/argon*; do
        case ${file##*/} in
            argononeup*) ;; # a battery's, not the fan's
            argononed.service | argoneond.service | argonone*.service)
                if [ -e "$file" ] && [ "$(readlink -f "$file")" != /dev/null ]; then found="$found $file"; fi
                ;;
            *)
                if [ -e "$file" ] && [ "${file%/*}" = "$DESTDIR${HOOK%/*}" ]; then found="$found $file"; fi
                ;;
        esac
    done
    for file in /etc/systemd/system/a1d.service /usr/local/lib/systemd/system/a1d.service; do
        if [ -e "$DESTDIR$file" ]; then found="$found $DESTDIR$file"; fi
    done
    file=$DESTDIR$BINDIR/a1d
    if [ -e "$file" ] && [ "$(readlink "$file")" != "$PREFIX/bin/a1d" ]; then found="$found $file"; fi
    [ -n "$found" ] || return 0
    {
        say "another daemon for this case is installed, and two of them fight over the fan:"
        # shellcheck disable=SC2086 # the names have no blanks: they come from the patterns above
        printf '    %s\n' $found
        say "nothing has been changed. To remove it, run its own uninstaller if it has one:"
        for tool in argon-uninstall argonone-uninstall; do
            if command -v "$tool" >/dev/null; then printf '    sudo %s\n' "$tool"; fi
        done
        say "or these, and then make install again:"
        for file in $found; do
            case $file in *.service) printf '    sudo systemctl disable --now %s\n' "${file##*/}" ;; esac
            printf '    sudo rm -f %s\n' "$file"
        done
        printf '    sudo systemctl daemon-reload\n'
    } >&2
    exit 1
}

# Built beside the old one and put in its place in one step: whatever fails before that changes nothing.
install_program() {
    say "building in $OPT.new"
    work=$(mktemp -d)
    # What is built must not leave root's files in the sources.
    trap 'rm -rf "$work" "$OPT.new"' EXIT
    trap 'exit 1' INT TERM HUP
    mkdir "$work/source"
    for file in pyproject.toml README.md LICENSE a1d; do cp -R "$SOURCE/$file" "$work/source"; done
    # Compiling setuptools, to use it once, would be half of the work.
    export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_COMPILE=1
    "$PYTHON" -m venv "$work/tools"
    # gpiod and PyYAML hold C: without a wheel for this machine, say so instead of looking for a compiler.
    # sdnotify comes as source, for which bookworm's pip would want more than it brings: hence pep517.
    "$work/tools/bin/python" -m pip --quiet wheel --use-pep517 --only-binary gpiod,pyyaml --wheel-dir "$work/wheels" "$work/source" ||
        fail "the Python packages could not be had (the reason is above); nothing has been changed"

    rm -rf "$OPT.new"
    mkdir -p "$OPT.new"
    "$PYTHON" -m venv --without-pip "$OPT.new"
    "$work/tools/bin/python" -m pip --quiet --python "$OPT.new/bin/python" install --no-index --find-links "$work/wheels" a1d
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
    if [ -e "$OPT" ]; then cp -p "$OPT/$MADE" "$OPT.new"; else : >"$OPT.new/$MADE"; fi

    rm -rf "$OPT.old"
    if [ -e "$OPT" ]; then mv "$OPT" "$OPT.old"; fi
    mv "$OPT.new" "$OPT" || { [ ! -e "$OPT.old" ] || mv "$OPT.old" "$OPT"; fail "$OPT.new cannot be put in place"; }
    rm -rf "$OPT.old" "$work"
    trap - EXIT INT TERM HUP
}

install_files() {
    put a1d.service "$UNITS/a1d.service"
    put a1d-power@.path "$UNITS/a1d-power@.path"
    put a1d-power@.service "$UNITS/a1d-power@.service"
    put a1d.sysusers "$SYSUSERS"
    put a1d.udev "$UDEV"
    put a1d.rules "$POLKIT"
    mkdir -p "$DESTDIR${HOOK%/*}"
    ln -sfn "$PREFIX/bin/a1d-powercut" "$DESTDIR$HOOK"
    if [ ! -e "$DESTDIR$CONFIG" ]; then put config.yaml "$CONFIG"; fi
}

put() {
    mkdir -p "$DESTDIR${2%/*}"
    sed "s|/opt/a1d|$PREFIX|g" "$SOURCE/systemd/$1" >"$DESTDIR$2.new"
    chmod 644 "$DESTDIR$2.new"
    mv -f "$DESTDIR$2.new" "$DESTDIR$2"
}

make_users() {
    # Remembered, so that uninstalling takes away nobody else's.
    for group in i2c gpio a1d; do
        getent group "$group" >/dev/null || echo "group $group" >>"$OPT/$MADE"
    done
    getent passwd a1d >/dev/null || echo "passwd a1d" >>"$OPT/$MADE"
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
    say "installed and running. Its configuration: $CONFIG"
    "$OPT/bin/a1d-ctl" status || say "that is not all well; the reason is above, and more is in: journalctl -u a1d"
}

uninstall() {
    [ -z "$DESTDIR" ] || fail "DESTDIR=$DESTDIR: just remove it"
    [ "$(id -u)" = 0 ] || fail "uninstalling needs root: sudo make uninstall"
    check_prefix
    if [ -e "$UNITS/a1d.service" ]; then
        now=
        if systemd_runs; then now=--now; fi
        # shellcheck disable=SC2086 # no word if empty
        systemctl disable --quiet $now a1d.service a1d-power@poweroff.path a1d-power@reboot.path
    fi
    # Nobody will look after the fan from here on.
    if systemd_runs && [ -x "$OPT/bin/a1d-failsafe" ]; then "$OPT/bin/a1d-failsafe" 2>&1 | sed 's/^<.>//'; fi
    rm -f "$UNITS/a1d.service" "$UNITS/a1d-power@.path" "$UNITS/a1d-power@.service" "$HOOK" "$SYSUSERS" "$UDEV" "$POLKIT"
    for name in a1d a1d-ctl; do
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
    rm -rf "$OPT" "$OPT.new" "$OPT.old"
    say "removed, except for ${CONFIG%/*}"
    for boot in /boot/firmware/config.txt /boot/config.txt; do
        if [ -e "$boot.before-a1d" ]; then say "and $boot, in which a1d enabled I2C; as it was before: $boot.before-a1d"; fi
    done
}

case ${1:-} in
    install) install_all ;;
    install-files) install_files ;;
    uninstall) uninstall ;;
    *) fail "usage: make install | install-files | uninstall" ;;
esac
