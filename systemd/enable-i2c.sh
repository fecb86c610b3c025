#!/bin/sh
# enable-i2c.sh BUS: if there is no /dev/i2c-BUS, switch the bus on as far as that can be done, and say so.
set -eu

say() { printf 'a1d: %s\n' "$*"; }

# The sections of config.txt for one model only that this Pi heeds. Unknown counts as a Pi 5, which the case is for.
# a1d/doctor/config_txt.py reads the file in the same way, and tests/doctor/test_config_txt.py holds the two together.
sections() {
    case $(tr -d '\0' 2>/dev/null </sys/firmware/devicetree/base/model) in
        *'Pi 500'*) echo pi5 pi500 ;;
        *'Module 5'*) echo pi5 cm5 ;;
        *'Pi 400'*) echo pi4 pi400 ;;
        *'Module 4'*) echo pi4 cm4 ;;
        *'Pi 4 '*) echo pi4 ;;
        *'Pi 3 '*Plus*) echo pi3 pi3+ ;;
        *'Pi 3 '*) echo pi3 ;;
        *) echo pi5 ;;
    esac
}

# The last word counts. [all] ends every section. A section for a model replaces one for another model, any other one
# comes on top of it; whether a serial number, a monitor or a pin is the right one is not known here, so those count
# for nothing. A parameter without a value is on.
enables_i2c() {
    awk -v sections="$(sections)" '
        BEGIN { split(sections, names, " "); for (i in names) mine[names[i]] = 1; model = other = 1 }
        { gsub(/^[ \t]+|[ \t\r]+$/, "") }
        /^\[/ {
            name = substr($0, 2, index($0, "]") - 2)
            if (name == "all") model = other = 1
            else if (name ~ /^(pi|cm|board-type)/) model = name in mine
            else other = 0
        }
        model && other && /^(dtparam|device_tree_param)=/ {
            count = split(substr($0, index($0, "=") + 1), words, ",")
            for (i = 1; i <= count; i++)
                if (words[i] ~ /^(i2c|i2c_arm|i2c1)(=|$)/) on = words[i] ~ /^[^=]*(=(on|true|yes|y|okay|1))?$/
        }
        END { exit !on }' "$1"
}

add_i2c() { printf '\n[all]\n# a1d: the bus of the case\ndtparam=i2c_arm=on\n' >>"$1"; }

# Whole, or not at all; and never the copy of a file that a1d has changed already.
keep_a_copy() {
    [ -e "$1.before-a1d" ] || { cp -p "$1" "$1.before-a1d.new" && mv "$1.before-a1d.new" "$1.before-a1d"; }
}

bus=$1
if [ ! -e "/dev/i2c-$bus" ]; then modprobe -q i2c-dev 2>/dev/null || true; fi
if [ -e "/dev/i2c-$bus" ]; then exit 0; fi
for boot in /boot/firmware/config.txt /boot/config.txt ''; do
    if [ -z "$boot" ] || [ -f "$boot" ]; then break; fi
done
if [ -z "$boot" ] || [ "$bus" != 1 ]; then
    say "there is no /dev/i2c-$bus: enable that bus; a1d tries again until it is there"
    exit 0
elif enables_i2c "$boot"; then
    say "there is no /dev/i2c-1, although $boot enables it: REBOOT, then look at: a1d-ctl status"
    exit 0
fi
# Debian's raspi-firmware writes config.txt anew with each kernel, and this into it. First, so that a second run sees
# from config.txt that both are done.
custom=/etc/default/raspi-firmware-custom
if grep -q raspi-firmware "$boot" && ! { [ -e "$custom" ] && enables_i2c "$custom"; }; then
    add_i2c "$custom" && say "CHANGED $custom: added dtparam=i2c_arm=on at its end"
fi
if keep_a_copy "$boot" && add_i2c "$boot"; then
    say "I2C was off. CHANGED $boot: added dtparam=i2c_arm=on at its end (as it was: $boot.before-a1d)"
    say "REBOOT for it to work: sudo reboot"
else
    say "I2C is off, and $boot cannot be written: add dtparam=i2c_arm=on to it and reboot"
fi
