"""Names of devices and spaces as parts of paths: which are safe on every file system."""

from __future__ import annotations

import re

from service.errors import DeviceNameError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_WINDOWS_DEVICES = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")


def is_safe_name(name: str) -> bool:
    """Whether a name can be that of a folder or file anywhere, and never leads out of its folder.

    Windows opens a device instead of a file for `con`, `nul.json` and the like, and drops a dot at the end.
    """
    if not _NAME.fullmatch(name) or ".." in name or name.endswith("."):
        return False
    return not _WINDOWS_DEVICES.fullmatch(name.split(".", maxsplit=1)[0])


def check_device_name(device: str) -> None:
    """Refuse a name from the command line that is no safe one.

    Raises:
        DeviceNameError: it is not.
    """
    if not is_safe_name(device):
        raise DeviceNameError(device)
