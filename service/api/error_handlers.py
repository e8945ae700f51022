"""The one table of HTTP statuses, and the handlers that turn every failure into a problem document.

Errors of all three packages pass through here, so that no other code knows a status (DESIGN.md, section 7).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from latency_tables import LatencyTableError
from search import GenomeError, JointLimitsError, LimitError, SearchError, SpecError
from service.api.problem import Failure, ProblemResponse
from service.errors import Fault, InvalidStateError, RequestError, ServiceError, UnknownNameError, error_code
from service.json_pointer import pointer

_LOG = logging.getLogger("lutnas.api")

STATUS = {
    # By class name, since some classes stay behind their package's front door; names are unique, a test sees to it.
    "MalformedBodyError": 400,
    "OriginRefusedError": 403,
    "NotFoundError": 404,
    "InvalidStateError": 409,
    "SupernetChangedError": 409,
    "SearchCancelled": 409,
    "BodyTooLargeError": 413,
    "ContentTypeError": 415,
    "UnknownNameError": 422,
    "PageTokenError": 422,
    "NoSupernetError": 422,
    "NoDatasetError": 422,
    "DatasetMissingError": 422,
    "RemeasureElsewhereError": 422,
    "StartFromError": 422,
    "GenomeAddressError": 422,
    "TableRefusedError": 422,
    "TableVersionError": 422,
    "EmulatedTableError": 422,
    "NoKnownDevicesError": 422,
    "UnknownSpaceError": 422,
    "UnknownObjectiveError": 422,
    "MissingTableError": 422,
    "SearchSizeError": 422,
    "ChoiceError": 422,
    "LimitError": 422,
    "JointLimitsError": 422,
    "GenomeError": 422,
    "OperatorKeyError": 422,
    "MissingOperatorError": 422,
    "TableImportError": 422,
    "NoFeasibleCandidateError": 422,
    "ResultDamagedError": 500,
    "NonFiniteObjectiveError": 500,
    "SpaceFileError": 500,
    "TabularFileError": 500,
    "ArtefactError": 500,
    "PredictorError": 500,
    "DatasetError": 500,
    "CheckpointError": 500,
    "TableFileError": 500,
    "PlanError": 500,
    "MeasurementError": 500,
    "PortInUseError": 500,
    "PortRefusedError": 500,
    "HostRefusedError": 500,
    "DataFolderError": 500,
    "DatabaseStartError": 500,
    "UnknownDeviceError": 500,
    "SpaceRefusedError": 500,
    "OutputError": 500,
    "DeviceNameError": 500,
    "DemoError": 500,
    "StorageBusyError": 503,
    "MeasurementsBusyError": 503,
    "StorageFullError": 503,
    "StorageUnavailableError": 503,
    "TableStorageError": 503,
    "NotReadyError": 503,
}
_FRAMEWORK_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "unsupported_media_type"}
_NEXT_STEPS = {
    404: "There is nothing at this address. /docs lists every address.",
    405: "This address does not take this method. /docs lists the methods; the header Allow names them.",
}
_RETRY_AFTER = {503: {"Retry-After": "5"}}


def add_error_handlers(app: FastAPI) -> None:
    """Make every failure of the application a problem document."""
    for root in (ServiceError, SearchError, LatencyTableError):
        app.add_exception_handler(root, answer_known_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_framework_error)
    app.add_exception_handler(Exception, _on_unexpected_error)


def answer_known_error(request: Request, error: Exception) -> ProblemResponse:
    """The answer to an error of one of the three packages."""
    status = STATUS.get(type(error).__name__, 500)
    if status == 500:
        _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
    code, detail = error_code(error), str(error)
    failure = Failure(status, code, detail, _faults(error), _extra(error), _RETRY_AFTER.get(status))
    return failure.answer(request)


def _on_invalid_request(request: Request, error: Exception) -> ProblemResponse:
    faults = [_validation_fault(fault) for fault in error.errors()] if isinstance(error, RequestValidationError) else []
    count = f"{len(faults)} things are" if len(faults) != 1 else "One thing is"
    detail = f"{count} wrong with the request; `errors` says where and what. Correct them and send it again."
    return Failure(422, "invalid_request", detail, faults).answer(request)


def _on_framework_error(request: Request, error: Exception) -> ProblemResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    code = _FRAMEWORK_CODES.get(status, "bad_request" if status < 500 else "internal_error")
    detail = _NEXT_STEPS.get(status, "The request cannot be answered as it is. /docs describes every request.")
    return Failure(status, code, detail, headers=headers).answer(request)


def _on_unexpected_error(request: Request, error: Exception) -> ProblemResponse:
    _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
    detail = "This is a fault of lutnas. The server's log tells more; please report it with the request_id."
    return Failure(500, "internal_error", detail).answer(request)


def _faults(error: Exception) -> Sequence[Fault]:
    if isinstance(error, RequestError):
        return error.faults
    if isinstance(error, SpecError):
        return [Fault(pointer(fault.field), error_code(fault), str(fault)) for fault in error.faults]
    if isinstance(error, GenomeError):
        return [
            Fault(pointer(("genomes", *fault[: 1 if fault.gene is None else 2])), error_code(error), fault.reason)
            for fault in error.faults
        ]
    return ()


def _extra(error: Exception) -> dict[str, Any]:
    if isinstance(error, InvalidStateError):
        return {"state": error.state, "allowed_from": list(error.allowed_from)}
    if isinstance(error, LimitError):
        return {"requested": error.requested, "best_reachable": error.best_reachable}
    if isinstance(error, JointLimitsError):
        return {"closest": error.closest}
    if isinstance(error, UnknownNameError):
        return {"known": list(error.known)}
    return {}


def _validation_fault(fault: Any) -> Fault:
    place = [part for part in fault["loc"] if part != "[key]"]
    inside = place[1:] if place and place[0] == "body" else place
    return Fault(pointer(inside), str(fault["type"]), f"{str(fault['msg']).rstrip('.')}.")
