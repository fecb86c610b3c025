#!/bin/sh
# other-daemons.sh [--list]: looks for another daemon for this case: two of them fight over one fan. If there is one,
# says how to remove it, and fails. A program that has an I2C bus or a GPIO chip open, perhaps for something else, is
# named and no more. With --list, for a1d-ctl doctor, it only says what there is, in lines of "file PATH",
# "process PID COMMAND" and "open PID DEVICE UNIT COMMAND" (- for no unit).
#
# DESTDIR, PREFIX  as for install.sh; in a scratch root only files are looked at, not processes
# AGAIN            what is to be done again afterwards (make install)
set -eu

# As programs and as units. [d] and [1]: or the command line of a grep for them would look like one of them.
KNOWN='argon(one|eon|40|[-_]?fan)[A-Za-z0-9_-]*|argon[d1]'
BATTERY='argononeup' # looks after a battery, not the fan
ADDRESS='0x1[aA]'    # the case's (A1)
SHUTDOWN=$DESTDIR/usr/lib/systemd/system-shutdown

say() { printf 'a1d: %s\n' "$*"; }

is_known() { printf '%s\n' "$1" | grep -E "^($KNOWN)([.@]|\$)" | grep -qv "^$BATTERY"; }

# Standard input is what is run somewhere. A name counts as a whole word, the address as a whole number.
is_for_the_case() {
    grep -oE "(^|[^A-Za-z0-9_])($KNOWN|$ADDRESS)([^A-Za-z0-9_]|\$)" | grep -qvE "^[^a-z0-9]?$BATTERY"
}

# The commands of a unit, one that is broken over several lines put together.
commands_of() { sed -e ':more' -e '/\\$/{N;s/\\\n//;b more' -e '}' "$1" | sed -n 's/^[[:space:]]*Exec[A-Za-z]*=//p'; }

find_files() {
    for directory in /etc /usr/local/lib /usr/lib /lib; do
        if [ "$directory" = /lib ] && [ -L "$DESTDIR/lib" ]; then continue; fi
        directory=$DESTDIR$directory/systemd/system
        for file in "$directory"/argon*.service; do
            if [ -e "$file" ] && is_known "${file##*/}"; then echo "$file"; fi
        done
        grep -lE "$KNOWN|$ADDRESS" "$directory"/*.service 2>/dev/null | while read -r file; do
            if commands_of "$file" | is_for_the_case; then echo "$file"; fi
        done
    done | sort -u | while read -r file; do
        if [ "$(readlink -f "$file")" = /dev/null ]; then continue; fi # masked
        echo "$file"
        if [ -e "${file%.service}.timer" ]; then echo "${file%.service}.timer"; fi
    done
    for file in "$DESTDIR"/etc/systemd/system/a1d.service "$DESTDIR"/usr/local/lib/systemd/system/a1d.service; do
        if [ -e "$file" ]; then echo "$file"; fi
    done
    for file in "$SHUTDOWN"/*; do
        case ${file##*/} in
            a1d-powercut | $BATTERY*) ;;
            argon*) if [ -e "$file" ]; then echo "$file"; fi ;;
            *) if [ -f "$file" ] && is_for_the_case <"$file"; then echo "$file"; fi ;;
        esac
    done
}

# What is printed here may be copied into root's shell, and any user may name his cgroups, files and arguments as he
# likes. So of units only the system's own are named, by letters that no shell heeds.
unit_of() {
    sed -n -e '\|:/user[.]slice/|d' \
        -e 's|^[^/]*:/\([A-Za-z0-9:_.-]*[.]slice/\)*\([A-Za-z0-9:_.@-]*[.]service\)\(/.*\)*$|\2|p' \
        "/proc/$1/cgroup" 2>/dev/null | head -n 1
}
# Reading a command line waits for the process if the kernel has it by the memory, as with a file on a dead server.
bounded() {
    seconds=$1
    shift
    timeout --foreground -s KILL "$seconds" "$@" 2>/dev/null
}
arguments_of() { bounded 1 cat "/proc/$1/cmdline" || true; }
command_of() { arguments_of "$1" | LC_ALL=C tr -sc '[:print:]' ' ' | cut -c 1-70; }

# Its program, or the script that its program reads, is one of those that are known.
runs_a_known_one() {
    arguments_of "$1" | tr '\0' '\n' | head -n 3 | {
        read -r program || exit 1
        case ${program##*/} in
            python* | sh | bash | dash) while read -r program; do case $program in -*) ;; *) break ;; esac; done ;;
        esac
        is_known "${program##*/}"
    }
}

is_ours() { [ "$(unit_of "$1")" = a1d.service ] || case $(command_of "$1") in "$PREFIX"/*) ;; *) false ;; esac; }

# All at once; where one of them hangs, one after the other, and at most so many that hang.
find_command_lines() {
    found=
    code=0
    found=$(bounded 3 grep -lE "$KNOWN" /proc/[0-9]*/cmdline) || code=$?
    if [ "$code" -le 123 ]; then
        printf '%s\n' "$found"
        return
    fi
    hung=0
    for file in /proc/[0-9]*/cmdline; do
        code=0
        bounded 1 grep -lE "$KNOWN" "$file" || code=$?
        if [ "$code" -gt 123 ]; then
            say "NOTE: $file cannot be read, its process hangs" >&2
            hung=$((hung + 1))
        fi
        [ "$hung" -lt 5 ] || break
    done
}

find_processes() {
    find_command_lines | sed 's|^/proc/||; s|/.*||' | while read -r pid; do
        if runs_a_known_one "$pid"; then echo "$pid"; fi
    done
}

find_openers() {
    find /proc/[0-9]*/fd \( -lname '/dev/i2c-*' -o -lname '/dev/gpiochip*' \) -printf '%p %l\n' 2>/dev/null |
        sed -n 's|^/proc/\([0-9]*\)/fd/[0-9]* \(/dev/[a-z0-9-]*\)$|\1 \2|p' | sort -u | while read -r pid device; do
        if is_ours "$pid"; then continue; fi
        echo "$pid $device"
    done
}

name_who_has_the_devices() {
    find_openers | while read -r pid device; do
        unit=$(unit_of "$pid")
        say "NOTE: process $pid ($(command_of "$pid")) has $device open. If it drives this case's fan or button, stop it:" \
            "sudo ${unit:+systemctl disable --now }${unit:-kill $pid}"
    done
}

if [ "${1:-}" = --list ]; then
    find_files | while read -r file; do echo "file ${file#"$DESTDIR"}"; done
    [ -z "$DESTDIR" ] || exit 0
    find_processes | while read -r pid; do echo "process $pid $(command_of "$pid")"; done
    find_openers | while read -r pid device; do
        unit=$(unit_of "$pid")
        echo "open $pid $device ${unit:--} $(command_of "$pid")"
    done
    exit 0
fi
files=$(find_files)
processes=
if [ -z "$DESTDIR" ]; then processes=$(find_processes); fi
if [ -z "$files$processes" ]; then
    if [ -z "$DESTDIR" ]; then name_who_has_the_devices; fi
    exit 0
fi
{
    say "another daemon for this case is here, and two of them fight over the fan:"
    for file in $files; do printf '    %s\n' "$file"; done
    for pid in $processes; do printf '    process %s: %s\n' "$pid" "$(command_of "$pid")"; done
    say "nothing has been changed. To remove it, run its own uninstaller if it has one:"
    for tool in argon-uninstall argonone-uninstall; do
        if command -v "$tool" >/dev/null; then printf '    sudo %s\n' "$tool"; fi
    done
    say "or these, and then ${AGAIN:-make install} again:"
    {
        for file in $files; do
            case $file in */system-shutdown/*) ;; *) echo "systemctl disable --now ${file##*/}" ;; esac
        done
        for pid in $processes; do
            unit=$(unit_of "$pid")
            echo "${unit:+systemctl disable --now }${unit:-kill $pid}"
        done
        for file in $files; do echo "rm -f $file"; done
    } | awk '!seen[$0]++ { print "    sudo " $0 }'
    printf '    sudo systemctl daemon-reload\n'
} >&2
exit 1
