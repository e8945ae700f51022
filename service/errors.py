"""Everything that can go wrong in the service; `api/error_handlers.py` knows the HTTP status of each.

Errors about latency tables stand in `table_errors.py`, below these.

ServiceError
 +-- StartError                 the service cannot start; ends the program with exit code 2
 |    +-- PortInUseError         another program listens on the port
 |    +-- PortRefusedError       the user may not listen on the port
 |    +-- HostRefusedError       the host is reachable from outside and nothing would protect the service
 |    +-- DataFolderError        the data folder cannot be used
 |    +-- DatabaseStartError     the database cannot be opened, written or migrated
 |    +-- DeviceNameError        a device's name cannot be a file name
 |    +-- UnknownDeviceError     no table of that device, or none of it for that space
 |    +-- SpaceRefusedError      a space cannot be added or removed
 |    +-- OutputError            a file that a command writes cannot be written
 |    +-- DemoError              the demo's service or one of its searches did not succeed
 +-- RequestError               the request is at fault; carries faults with JSON pointers
 |    +-- MalformedBodyError     the body is not JSON that this service reads
 |    +-- BodyTooLargeError      the body is longer than the limit
 |    +-- ContentTypeError       the body is not declared as JSON
 |    +-- OriginRefusedError     a browser page of another site sends the request, or the Host header is foreign
 |    +-- UnknownNameError       a space, device or objective that does not exist
 |    +-- PageTokenError         a page token that this service did not make, or made for another filter
 |    +-- NoSupernetError        the space has no supernet artefact to take errors and weights from
 |    +-- NoDatasetError         no dataset is configured to verify the space's networks on
 |    +-- DatasetMissingError    nothing is at the path of the dataset that is configured
 |    +-- RemeasureElsewhereError  no device of a search is the machine that would measure its front again
 |    +-- StartFromError         earlier searches that a new one cannot start from
 |    +-- GenomeAddressError     an address names a genome that the space does not have
 +-- NotFoundError              no such search, architecture, device or space
 +-- InvalidStateError          the search is in a state that forbids the action
 +-- StorageError               the database cannot be used now; the same again may work later
 |    +-- StorageBusyError       the database is locked for too long
 |    +-- StorageFullError       the disk is full or fails
 |    +-- StorageUnavailableError  the database cannot be opened or written
 +-- NotReadyError              the service is up but cannot work now
 +-- ResultDamagedError         a stored result file is missing or has changed
 +-- SupernetChangedError       the weights behind a finished search are no longer here
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LAST_PORT = 65535


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a request: where (JSON pointer), what, and what to do."""

    pointer: str
    code: str
    detail: str


class ServiceError(Exception):
    """Root of all errors of `service`."""


class StartError(ServiceError):
    """The service cannot start; the message says why and what to do."""


class PortInUseError(StartError):
    """Another program listens on the port."""

    def __init__(self, host: str, port: int) -> None:
        other = port + 1 if port < _LAST_PORT else port - 1
        super().__init__(
            f"Port {port} on {host} is in use. Stop the other program, or choose a port: lutnas serve --port {other}"
            " (0 takes any free one)."
        )
        self.host = host
        self.port = port


class PortRefusedError(StartError):
    """The user may not listen on the port."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"This user may not listen on port {port} of {host}. Choose a port from 1024 on: lutnas serve --port 8000"
            " (0 takes any free one)."
        )
        self.host = host
        self.port = port


class HostRefusedError(StartError):
    """The host is reachable from outside and nothing would protect the service."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"Refusing to listen on {host[:100]}: the service has no access control yet, so that whoever reaches it"
            " could start and delete searches. Use --host 127.0.0.1, with an SSH tunnel or an authenticating proxy in"
            " front for other machines. Inside a container whose port is published on loopback only, set"
            " LUTNAS_ALLOW_REMOTE=true."
        )
        self.host = host


class DataFolderError(StartError):
    """The data folder cannot be used."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"Data folder {path}: {reason}. Choose another with --data-dir or LUTNAS_DATA_DIR.")
        self.path = path
        self.reason = reason


class DatabaseStartError(StartError):
    """The database cannot be opened, written or migrated."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(
            f"Database {place}: {reason}. Check that the file and its folder can be written by this user,"
            " or choose another place with --data-dir or LUTNAS_DATABASE_URL."
        )
        self.place = place
        self.reason = reason


class DeviceNameError(StartError):
    """A device's name cannot be a file name."""

    def __init__(self, device: str) -> None:
        super().__init__(
            f"{device[:80]!r} is no name for a device. Use up to 64 lower-case letters, digits, dots, underscores and"
            " hyphens, beginning with a letter or digit, without two dots together or one at the end, and no name that"
            " Windows keeps for itself, such as con: local-cpu"
        )
        self.device = device


class UnknownDeviceError(StartError):
    """No table of that device, or none of it for that space."""

    def __init__(self, wanted: str, known: Sequence[str]) -> None:
        super().__init__(f"No latency table of {wanted[:200]}. Known: {', '.join(known) or 'none'}.")
        self.known = tuple(known)


class SpaceRefusedError(StartError):
    """A space cannot be added or removed."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"Space {name[:200]} {reason}.")
        self.name = name
        self.reason = reason


class OutputError(StartError):
    """A file that a command writes cannot be written."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} cannot be written ({reason}). Choose another place with --out.")
        self.path, self.reason = path, reason


class DemoError(StartError):
    """The demo's service or one of its searches did not succeed; the message says which and why."""


class RequestError(ServiceError):
    """The request is at fault. `code` is stable, `faults` say where."""

    code = "invalid_request"

    def __init__(self, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)


class MalformedBodyError(RequestError):
    """The body is not JSON that this service reads."""

    code = "malformed_json"

    def __init__(self, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail, faults or [Fault("", self.code, detail)])


class BodyTooLargeError(RequestError):
    """The body is longer than the limit, or what would be stored of it."""

    code = "body_too_large"

    def __init__(self, limit_bytes: int, what: str = "The body is") -> None:
        detail = f"{what} longer than {limit_bytes} bytes. Send less, in several requests if need be."
        super().__init__(detail, [Fault("", self.code, detail)])
        self.limit_bytes = limit_bytes


class ContentTypeError(RequestError):
    """The body is not declared as JSON."""

    code = "unsupported_media_type"

    def __init__(self) -> None:
        detail = "Send the body as JSON with the header 'Content-Type: application/json', without encoding."
        super().__init__(detail, [Fault("", self.code, detail)])


class OriginRefusedError(RequestError):
    """A browser page of another site sends the request, or the Host header is foreign."""

    code = "origin_refused"

    def __init__(self, header: str) -> None:
        super().__init__(
            f"The header {header} names a site that this service does not serve. Call it at http://127.0.0.1 or"
            " http://localhost with its port."
        )
        self.header = header


class UnknownNameError(RequestError):
    """A space, device or objective that does not exist; the known ones are listed."""

    def __init__(self, kind: str, pointers: Sequence[str], known: Sequence[str]) -> None:
        self.kind = kind
        self.known = tuple(known)
        self.code = f"unknown_{kind}"
        listed = ", ".join(known) if known else "none yet; run `lutnas measure` to add this machine"
        detail = f"Unknown {kind}. Known: {listed}."
        super().__init__(detail, [Fault(pointer, self.code, detail) for pointer in pointers])


class PageTokenError(RequestError):
    """A page token that this service did not make, or made for another filter."""

    code = "invalid_page_token"

    def __init__(self) -> None:
        detail = "Use next_page_token of the page before, with the same filter, or leave page_token out to start again."
        super().__init__(detail, [Fault("/query/page_token", self.code, detail)])


class NoSupernetError(RequestError):
    """The space has no supernet artefact to take errors and weights from."""

    code = "space_without_supernet"

    def __init__(self, space: str, ready: Sequence[str]) -> None:
        detail = (
            f"Space {space} has no trained supernet, so that errors cannot be predicted and no network can be exported."
            f" Spaces that have one: {', '.join(ready) or 'none'}."
        )
        super().__init__(detail, [Fault("/space", self.code, detail)])
        self.space = space


class NoDatasetError(RequestError):
    """No dataset is configured to verify the space's networks on."""

    code = "space_without_dataset"

    def __init__(self, space: str, example: str, known: Sequence[str]) -> None:
        detail = (
            f"No dataset is configured for space {space}, so that its networks cannot be verified on images. Start the"
            f" service with LUTNAS_DATASETS={example}=PATH, or leave verify out."
            f" Configured: {', '.join(known) or 'none'}."
        )
        super().__init__(detail, [Fault("/verify", self.code, detail)])
        self.space = space


class DatasetMissingError(RequestError):
    """Nothing is at the path of the dataset that is configured for the space."""

    code = "dataset_missing"

    def __init__(self, space: str, path: Path) -> None:
        detail = (
            f"Nothing is at {path}, where LUTNAS_DATASETS has the dataset of space {space}. Put it there, start the"
            " service with another path, or leave verify out."
        )
        super().__init__(detail, [Fault("/verify", self.code, detail)])
        self.space, self.path = space, path


class RemeasureElsewhereError(RequestError):
    """No device of a search is the machine that would measure its front again; `differences` tells why, by device."""

    code = "remeasure_elsewhere"

    def __init__(self, differences: Mapping[str, Sequence[str]], pointers: Mapping[str, str]) -> None:
        self.differences = {device: tuple(found) for device, found in differences.items()}
        reasons = {device: f"{device}: {'; '.join(found)}." for device, found in differences.items()}
        super().__init__(
            f"The front can be measured again only on the machine whose table it is. {' '.join(reasons.values())}"
            " Measure this machine with `lutnas measure` and search for it, or leave remeasure out.",
            [Fault(pointers[device], self.code, reason) for device, reason in reasons.items()],
        )


class StartFromError(RequestError):
    """Earlier searches that a new one cannot start from."""

    code = "start_from"

    def __init__(self, faults: Sequence[Fault]) -> None:
        detail = f"The search cannot start from {len(faults)} of the searches named: {faults[0].detail}"
        super().__init__(detail, faults)


class GenomeAddressError(RequestError):
    """An address names a genome that the space does not have."""

    code = "genome"

    def __init__(self, reasons: Sequence[str]) -> None:
        detail = f"The genome in the address is wrong: {'; '.join(reasons)}."
        super().__init__(detail, [Fault("/path/genome", self.code, reason) for reason in reasons])


class NotFoundError(ServiceError):
    """No such search, architecture, device or space."""

    def __init__(self, kind: str, hint: str) -> None:
        super().__init__(f"No such {kind}. {hint}")
        self.kind = kind
        self.hint = hint


class InvalidStateError(ServiceError):
    """The search is in a state that forbids the action."""

    def __init__(self, action: str, state: str, allowed_from: Sequence[str], hint: str) -> None:
        super().__init__(f"Cannot {action}: the search is {state}. {hint}")
        self.action = action
        self.state = state
        self.allowed_from = tuple(allowed_from)


class StorageError(ServiceError):
    """The database cannot be used now; the same again may work later."""


class StorageBusyError(StorageError):
    """The database is locked for too long."""

    def __init__(self) -> None:
        super().__init__("The database is busy: another program holds its lock. Nothing was changed; try again.")


class StorageFullError(StorageError):
    """The disk is full or fails."""

    def __init__(self) -> None:
        super().__init__("The disk is full or fails. Nothing was changed; free some space and try again.")


class StorageUnavailableError(StorageError):
    """The database cannot be opened or written."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The database cannot be used ({reason}). Nothing was changed; check that its file and folder are there and"
            " can be written by the server, and try again."
        )
        self.reason = reason


class NotReadyError(ServiceError):
    """The service is up but cannot work now; the message says why."""


class ResultDamagedError(ServiceError):
    """A stored result file is missing or has changed since it was written."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"Result file {name}: {reason}. Delete the search and post it again.")
        self.name = name
        self.reason = reason


class SupernetChangedError(ServiceError):
    """The weights behind a finished search are no longer here, so that its networks cannot be written."""

    def __init__(self, space: str) -> None:
        super().__init__(
            f"The supernet of {space} has been replaced since this search ran, so that its errors would not hold for"
            " the networks written now. Post the search again."
        )
        self.space = space


def error_code(error: Exception) -> str:
    """The stable code of an error: its own, or its class name as words: `LimitError` is `limit`."""
    own = getattr(error, "code", None)
    name = type(error).__name__.removesuffix("Error")
    return own if isinstance(own, str) else re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
