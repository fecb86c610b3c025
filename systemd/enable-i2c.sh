#!/bin/sh
# enable-i2c.sh BUS: if there is no /dev/i2c-BUS, switch the bus on as far as that can be done, and say so.
set -eu

say() { printf 'a1d: %s\n' "$*"; }

# In a section that a Pi 5 heeds.
enables_i2c() {
    awk '/^[[:space:]]*\[/ { section = $1 }
        section == "" || section == "[all]" || section == "[pi5]" {
            if (/^[[:space:]]*dtparam=(.*,)?i2c(_arm)?=(on|true|yes|1)/) on = 1
            if (/^[[:space:]]*dtparam=(.*,)?i2c(_arm)?=(off|false|no|0)/) on = 0
        }
        END { exit !on }' "$1"
}

add_i2c() { printf '\n[all]\n# a1d: the bus of the case\ndtparam=i2c_arm=on\n' >>"$1"; }

bus=$1
if [ ! -e "/dev/i2c-$bus" ]; then modprobe -q i2c-dev 2>/dev/null || true; fi
if [ -e "/dev/i2c-$bus" ]; then exit 0; fi
for boot in /boot/firmware/config.txt /boot/config.txt ''; do
    if [ -z "$boot" ] || [ -f "$boot" ]; then break; fi
done
if [ -z "$boot" ] || [ "$bus" != 1 ]; then
    say "there is no /dev/i2c-$bus: enable that bus; a1d tries again until it is there"
elif enables_i2c "$boot"; then
    say "there is no /dev/i2c-1, although $boot enables it: REBOOT, then look at: a1d-ctl status"
elif [ -e "$boot.before-a1d" ] || cp -p "$boot" "$boot.before-a1d" && add_i2c "$boot"; then
    say "I2C was off. CHANGED $boot: added dtparam=i2c_arm=on at its end (as it was: $boot.before-a1d)"
    # Debian's raspi-firmware writes config.txt anew with each kernel, and this into it.
    if grep -q raspi-firmware "$boot"; then
        add_i2c /etc/default/raspi-firmware-custom && say "and the same in /etc/default/raspi-firmware-custom"
    fi
    say "REBOOT for it to work: sudo reboot"
else
    say "I2C is off, and $boot cannot be written: add dtparam=i2c_arm=on to it and reboot"
fi
