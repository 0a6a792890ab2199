"""What a store's libraries raise, told by kind and without importing them: one line that says what to do.

gcsfs, s3fs, botocore, aiohttp and google-auth have a family of exceptions each. They are known here by the types of
Python that some of them are, the HTTP status that they carry, and their names.
"""

import errno
import re
from collections.abc import Iterator
from typing import Literal

from sweep.errors import InputError
from sweep.storage.address import Address

Kind = Literal["absent", "taken", "conflict", "denied", "credentials", "full", "busy", "unreachable", "name", "unknown"]

STATUS: dict[int, Kind] = {
    400: "name", 401: "credentials", 403: "denied", 404: "absent", 405: "denied", 408: "busy", 409: "conflict",
    412: "taken", 429: "busy", 500: "busy", 502: "busy", 503: "busy", 504: "busy", 507: "full",
}  # fmt: skip
ERRNO: dict[int, Kind] = {
    errno.ENOENT: "absent", errno.EEXIST: "taken", errno.EACCES: "denied", errno.EPERM: "denied",
    errno.EROFS: "denied", errno.ENOSPC: "full", errno.EDQUOT: "full", errno.EFBIG: "full", errno.EBUSY: "busy",
    errno.EREMOTEIO: "busy",
    errno.EIO: "unreachable", errno.ESTALE: "unreachable", errno.ETIMEDOUT: "unreachable",
    errno.ENOTCONN: "unreachable", errno.EHOSTDOWN: "unreachable", errno.EHOSTUNREACH: "unreachable",
    errno.ECONNRESET: "unreachable", errno.ECONNREFUSED: "unreachable", errno.ECONNABORTED: "unreachable",
    errno.ENETDOWN: "unreachable", errno.ENETUNREACH: "unreachable",
}  # fmt: skip
NAMES: dict[str, Kind] = {
    "NoCredentialsError": "credentials", "PartialCredentialsError": "credentials", "ProfileNotFound": "credentials",
    "CredentialRetrievalError": "credentials", "DefaultCredentialsError": "credentials", "RefreshError": "credentials",
    "TokenRetrievalError": "credentials", "UnauthorizedSSOTokenError": "credentials",
    "EndpointConnectionError": "unreachable", "ConnectTimeoutError": "unreachable", "ReadTimeoutError": "unreachable",
    "ClientConnectorError": "unreachable", "ClientConnectorDNSError": "unreachable", "ProxyError": "unreachable",
    "ConnectionClosedError": "unreachable", "ServerDisconnectedError": "unreachable", "SSLError": "unreachable",
    "ParamValidationError": "name", "InvalidURL": "name",
}  # fmt: skip
CODES: dict[str, Kind] = {
    "OperationAborted": "conflict", "ConditionalRequestConflict": "conflict", "QuotaExceeded": "full",
    "quotaExceeded": "full", "InvalidBucketName": "name", "NoSuchBucket": "absent", "SlowDown": "busy",
    "ExpiredToken": "credentials", "InvalidAccessKeyId": "credentials", "SignatureDoesNotMatch": "credentials",
    "InvalidToken": "credentials",
}  # fmt: skip  # of S3's answers, where the status says less
FAMILIES: dict[type[BaseException], Kind] = {
    FileNotFoundError: "absent", FileExistsError: "taken", PermissionError: "denied", TimeoutError: "unreachable",
    ConnectionError: "unreachable",
}  # fmt: skip
AGAIN: tuple[Kind, ...] = ("conflict", "busy", "unreachable")  # what a later try may not meet
OS_ERROR = re.compile(r"\[(?:OS error |os_error_code=')(\d+)")  # in what the array store of checkpoints raises
GRPC: dict[str, Kind] = {"UNAVAILABLE": "unreachable", "DEADLINE_EXCEEDED": "unreachable"}  # how it begins
LOGIN = {
    "gs": "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS",
    "gcs": "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS",
    "s3": "run `aws configure`, or set AWS_PROFILE",
    "s3a": "run `aws configure`, or set AWS_PROFILE",
}


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


def passing(error: BaseException) -> bool:
    """Whether it may pass by itself, so that a run waits for it: no answer, too many requests, a network mount that is
    away (EIO, ESTALE, ETIMEDOUT). A full disk, a missing right or a name that is refused wait for a person.
    """
    return kind_of(error) in AGAIN


def kind_of(error: BaseException) -> Kind:
    """What happened, by the first of an error and its causes that tells."""
    for one in chain(error):
        if (kind := own_kind(one)) != "unknown":
            return kind
    return "unknown"


def own_kind(error: BaseException) -> Kind:
    answer = getattr(error, "response", None)
    if isinstance(answer, dict):  # of botocore
        if kind := CODES.get(str(answer.get("Error", {}).get("Code"))):
            return kind
        return STATUS.get(int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0), "unknown")
    if isinstance(error.__cause__, Exception) and isinstance(getattr(error.__cause__, "response", None), dict):
        return "unknown"  # s3fs turns errors into others that say less
    for name in ("code", "status"):
        value = str(getattr(error, name, ""))
        if value.isdigit() and int(value) in STATUS:
            full = "quota" in str(error).lower() and int(value) in (403, 429)
            return "full" if full else STATUS[int(value)]
    if name := next((c.__name__ for c in type(error).__mro__ if c.__name__ in NAMES), None):
        return NAMES[name]
    if family := next((c for c in FAMILIES if isinstance(error, c)), None):
        return FAMILIES[family]
    if isinstance(error, OSError):
        if str(error).startswith("Forbidden:"):  # gcsfs
            return "denied"
        return ERRNO.get(error.errno or 0, "unknown")
    if (number := os_error(error)) is not None:
        return ERRNO.get(number, "unknown")
    if isinstance(error, ValueError) and (kind := GRPC.get(str(error).partition(":")[0])):
        return kind
    return "name" if isinstance(error, ValueError) and str(error).startswith("Bad Request:") else "unknown"


def os_error(error: BaseException) -> int | None:
    """The number of the system's error in what the array store of checkpoints raises; older ones word it otherwise."""
    found = OS_ERROR.search(str(error)) if isinstance(error, ValueError) else None
    return int(found[1]) if found else None


def sentence(place: Address, error: BaseException, kind: Kind) -> InputError:
    """One line: what happened there, in the store's own words where it has some, and what to do."""
    said = next((text for one in chain(error) if (text := str(one).strip().splitlines())), [type(error).__name__])
    why = said[-1] if said[0].startswith(("Forbidden:", "Bad Request:")) or said[0].endswith(":") else said[0]
    told = {
        "absent": f"there is no bucket {place.bucket!r}, or this account may not see it; create it, or name another",
        "denied": f"this account may not do that there ({why}); use a bucket of your project, or get the right to "
        "create, overwrite, read and list objects",
        "credentials": f"no valid credentials for {place.scheme}:// ({why}); "
        + LOGIN.get(place.scheme, "log in to that store"),
        "full": f"the store is full or its quota is used up ({why}); make room, then repeat the command",
        "busy": f"the store does not answer now ({why}); repeat the command later",
        "conflict": f"the store does not answer now ({why}); repeat the command later",
        "unreachable": f"{place.scheme}:// cannot be reached ({why}); check the network, then repeat the command",
        "name": f"the store does not take this name ({why}); check it",
    }
    return InputError(f"{place}: {told.get(kind, f'the store failed ({type(error).__name__}: {why})')}")
