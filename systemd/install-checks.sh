# shellcheck shell=sh disable=SC2154
# What install.sh, which reads this and has the names, looks at before it changes anything. Each check says what is
# wrong and what to do, and ends the installation.

# They are put into units, scripts and patterns as they are.
check_names() {
    for value in "PREFIX=$PREFIX" "BINDIR=$BINDIR" "DESTDIR=$DESTDIR"; do
        case $value in
            DESTDIR=) ;;
            *=[!/]* | *=) fail "$value: expected an absolute path, something like /opt/a1d for PREFIX" ;;
            *=*[!A-Za-z0-9/._+~-]*) fail "$value: expected a path of letters, digits and / . _ + ~ - only" ;;
            */../* | */.. | */./* | */. | *//*) fail "$value: expected a path without .. or . and without // in it" ;;
        esac
    done
}

is_ours_or_free() {
    [ ! -L "$1" ] || return 1
    [ ! -e "$1" ] || [ -e "$1/$MADE" ] || { [ -d "$1" ] && [ -z "$(ls -A "$1")" ]; }
}

check_prefix() {
    for directory in "$OPT" "$OPT.new"; do
        is_ours_or_free "$directory" || fail "$directory is there already and is not a1d's. PREFIX must be a directory" \
            "for a1d alone; a package that brings the Python part itself wants: make install-files"
    done
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
    if [ "$installed" = /usr ] && [ "$PREFIX" != /usr ]; then
        fail "a1d is installed as a package, and two of them would fight over the fan. Remove that first (/etc/a1d" \
            "stays; the fan gets its failsafe duty meanwhile): sudo apt remove a1d, or what your system removes packages with"
    fi
    if [ -n "$installed" ] && [ "$installed" != "$PREFIX" ]; then
        fail "a1d is installed in $installed: say PREFIX=$installed, or first: sudo make uninstall PREFIX=$installed"
    fi
}

# Nobody else's file is replaced, and nothing is in the way of ours.
check_places() {
    case $BINDIR/ in "$PREFIX"/*) fail "BINDIR=$BINDIR is a part of PREFIX; expected something like /usr/local/bin" ;; esac
    for file in $FILES "$HOOK" "$CONFIG" "$BINDIR/a1d" "$BINDIR/a1d-ctl" "$BINDIR/a1d-mqtt"; do
        for path in "$DESTDIR$file" "$DESTDIR$file.new"; do
            [ ! -d "$path" ] || fail "$path is a directory, where a file of a1d's has to be: move it away"
        done
        parent=$DESTDIR${file%/*}
        while [ ! -e "$parent/" ] && [ ! -L "$parent" ] && [ ! -e "$parent" ]; do parent=${parent%/*}; done
        [ -d "$parent/" ] || fail "$parent is not a directory, and $file has to be in it: move it away"
    done
    for name in $COMMANDS; do
        file=$DESTDIR$BINDIR/$name
        if { [ -e "$file" ] || [ -L "$file" ]; } && [ "$(readlink "$file")" != "$PREFIX/bin/$name" ]; then
            fail "$file is there already and is not from here. If pip put it there: sudo pip uninstall a1d. If not: move it" \
                "away, or choose another BINDIR"
        fi
    done
    [ -z "$DESTDIR" ] || return 0
    if grep -qx 'passwd a1d' "$OPT/$MADE" 2>/dev/null; then return 0; fi
    said=$(say_if_account_is_somebodys)
    [ -z "$said" ] || fail "$said"
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
