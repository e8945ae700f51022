"""What can go wrong with latency tables and measurements that the service takes, stores or uses.

TableRefusedError        a RequestError: a table that is put breaks the format, lacks operators or is not plausible
TableVersionError        a RequestError: a version of a table that is not here
EmulatedTableError       a RequestError: a table of an emulated processor, which says nothing about a device
TableStorageError        a StorageError: the folder of tables cannot be written
NoKnownDevicesError      a RequestError: a few-shot plan where no other device has a table to start from
MeasurementsBusyError    a ServiceError: other measurements are being made into tables; the same again works later

Their parents, and the roots of all, are in `errors.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from service.errors import Fault, RequestError, ServiceError, StorageError


class TableRefusedError(RequestError):
    """A latency table that is put breaks the format, lacks operators or is not plausible; nothing was stored."""

    _NAMED = frozenset({"implausible_unit", "missing_operator", "sha256_mismatch", "unsupported_format", "other_plan"})

    def __init__(self, faults: Sequence[Fault]) -> None:
        codes = {fault.code for fault in faults}
        self.code = codes.pop() if len(codes) == 1 and codes <= self._NAMED else "invalid_table"
        count = f"{len(faults)} things are" if len(faults) != 1 else "One thing is"
        detail = f"{count} wrong with the table; `errors` says where and what. Nothing was stored."
        super().__init__(faults[0].detail if len(faults) == 1 else detail, faults)


class TableVersionError(RequestError):
    """A version of a latency table that is not here."""

    code = "unknown_table_version"

    def __init__(self, space: str, devices: Sequence[str]) -> None:
        listed = ", ".join(devices)
        detail = (
            f"The version of the latency table of {listed} for {space} that the search names is not on this server:"
            " GET /v1/devices/{device} lists the versions. Post the search again without `tables` for the present ones."
        )
        super().__init__(detail, [Fault(f"/tables/{device}", self.code, detail) for device in devices])
        self.space = space
        self.devices = tuple(devices)


class NoKnownDevicesError(RequestError):
    """A few-shot plan was asked for, and no device has a table for the space from which its table could start."""

    code = "no_known_devices"

    def __init__(self, space: str) -> None:
        detail = (
            f"No device has a latency table for {space} from which a few-shot table could start: leave `networks` out"
            " and measure the full plan."
        )
        super().__init__(detail, [Fault("/networks", self.code, detail)])
        self.space = space


class EmulatedTableError(RequestError):
    """A latency table of an emulated processor, which says nothing about a device."""

    code = "emulated_table"

    def __init__(self, pointers: Sequence[str]) -> None:
        detail = (
            "The latency table of this device was measured on an emulated processor: it shows that the agent runs, not"
            ' how fast a device is. Measure the device itself, or send "allow_emulated": true to use the table all the'
            " same."
        )
        super().__init__(detail, [Fault(pointer, self.code, detail) for pointer in pointers])


class TableStorageError(StorageError):
    """The folder of latency tables cannot be written."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The folder of latency tables cannot be written ({reason}). Nothing was changed; check that the server may"
            " write to `tables` in its data folder, and try again."
        )
        self.reason = reason


class MeasurementsBusyError(ServiceError):
    """Other measurements are being made into tables; the same again works later."""

    code = "measurements_busy"

    def __init__(self) -> None:
        super().__init__(
            "Other measurements are being made into tables, one at a time. Nothing was stored; send this one again in a"
            " few seconds, as the agent does by itself."
        )
