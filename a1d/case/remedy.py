"""What to do when the bus fails, by the kernel's error (M11, L2).

Imported early: when the bus fails, the disk may have failed too.
"""

from __future__ import annotations

import errno


def remedy(number: int, bus: int, address: int) -> str | None:
    """What is wrong with ``/dev/i2c-<bus>`` in words that name the remedy; None for an error that says enough itself.

    ``number`` is the error's ``errno``, ``address`` the case's.
    """
    name = f"/dev/i2c-{bus}"
    texts = {
        errno.ENOENT: f"{name} does not exist: enable I2C (raspi-config, or dtparam=i2c_arm=on in config.txt) and "
        "reboot, or set case.bus to the right number",
        errno.EACCES: f"{name} may not be opened: the user a1d must be in the group that owns it, usually i2c",
        errno.EPERM: f"{name} may not be opened: the service's sandbox must allow it (DeviceAllow=char-i2c rw)",
        errno.EBUSY: f"address 0x{address:02x} on {name} is held by a kernel driver: remove the dtoverlay that claims "
        f"it ('ls -l /sys/bus/i2c/devices/{bus}-00{address:02x}/driver' names it)",
        errno.ENXIO: f"nothing answers at 0x{address:02x} on {name}: is the case's board seated? Is it on another bus "
        f"(setting case.bus, now {bus}; 'i2cdetect -l' lists them)? "
        "A V5 or NEO 5 case has no such controller; the kernel drives its fan",
        errno.ETIMEDOUT: f"{name} hangs: something holds its lines low; a power cycle of the case may help",
    }
    same = {errno.ENODEV: errno.ENOENT, errno.EREMOTEIO: errno.ENXIO}
    return texts.get(same.get(number, number))
