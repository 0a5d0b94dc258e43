"""Hub errors: which to retry, and what to tell the user.

The client's major versions use different HTTP libraries, so only the client's own classes and
built-in ones are matched by type. Messages never contain tokens. The client is imported on use.
"""

from __future__ import annotations

import errno
import json
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ganzoo.errors import GanzooError, HubError, NotAvailable, Unreachable
from ganzoo.zoo import cache

TRIES = 4
"""Tries of one request; within each, the client resumes closed and stalled connections."""
PAUSE = 1.0
"""Seconds before the second try, doubled each time."""
CLIENT_RETRIED = 10.0
"""Seconds after which the client itself has retried a metadata request (2.x does, 1.x does not)."""
LONGEST_PAUSE = 60.0
"""Upper bound for Retry-After, in seconds."""
TRANSIENT = (408, 412, 429, 500, 502, 503, 504)
"""HTTP status codes worth a retry."""
FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
BUGS = (TypeError, AttributeError, NameError, AssertionError, KeyError)
"""Errors of this program, never reported as the network's."""


def get_endpoint() -> str:
    """The Hub's address as the user set it, without credentials."""
    from huggingface_hub import constants

    return re.sub(r"//[^/@]*@", "//", str(constants.ENDPOINT))


@contextmanager
def translate_errors(what: str) -> Iterator[None]:
    """Turn the client's errors into ganzoo's, in one line; hide its warnings."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="huggingface_hub")
            yield
    except (GanzooError, *BUGS):
        raise
    except Exception as error:
        raise _translate(what, _find_cause(error)) from None


def retry(work: Callable[[], Any]) -> Any:
    """Result of `work`, retried after transient errors."""
    for number in range(TRIES - 1):
        began = time.monotonic()
        try:
            return work()
        except Exception as error:
            cause = _find_cause(error)
            retried = cause is not error and time.monotonic() - began > CLIENT_RETRIED
            if retried or not _is_transient(cause):
                raise
            headers = getattr(getattr(error, "response", None), "headers", {})
            requested = str(headers.get("Retry-After", ""))
            seconds = min(float(requested), LONGEST_PAUSE) if requested.isdecimal() else 0.0
            time.sleep(max(PAUSE * 2.0**number, seconds))
    return work()


def redact(text: str) -> str:
    """A server's text on one line, without tokens and signatures of URLs."""
    from huggingface_hub import get_token

    token = get_token()
    text = text.replace(token, "<token>") if token else text
    text = re.sub(r"(https?://[^\s?]*)\?\S*", r"\1", text)
    text = re.sub(r"hf_[A-Za-z0-9]{8,}", "<token>", text)
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:300]


def _translate(what: str, error: BaseException) -> GanzooError:
    from huggingface_hub import errors

    endpoint = get_endpoint()
    if isinstance(error, errors.GatedRepoError):
        return HubError(f"{what}: gated; request access at {endpoint}, then run hf auth login")
    if isinstance(error, errors.RepositoryNotFoundError):
        return NotAvailable(
            f"{what}: no such repository on {endpoint}, or it is private (hf auth login)"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return NotAvailable(f"{what}: the repository has no such branch, tag or commit")
    if isinstance(error, (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError)):
        if cache.is_offline():
            return NotAvailable(f"{what}: not in the cache, and HF_HUB_OFFLINE forbids downloads")
        return Unreachable(f"{what}: {endpoint} cannot be reached; try again later")
    if isinstance(error, errors.EntryNotFoundError):
        return NotAvailable(f"{what}: the repository has no such file")
    if isinstance(error, errors.HfHubHTTPError):
        status = _get_status(error)
        kind = Unreachable if status in TRANSIENT else HubError
        return kind(f"{what}: {_describe_status(error, status)}")
    if _is_local(error):
        return HubError(f"{what}: {_describe_local(error)}")
    if "Consistency check failed" in str(error):  # the client has no class for it
        problem = "the download and the Hub differ in length; try again later"
    elif type(error).__name__ == "FileMetadataError":  # not public in 1.x
        problem = f"{endpoint} does not answer like a Hub; is it one?"
    else:
        text = redact(str(error))
        problem = f"{type(error).__name__} from {endpoint}: {text}; try again later"
    return Unreachable(f"{what}: {problem}")


def _describe_status(error: Any, status: int | None) -> str:
    if status in (401, 403):
        return (
            f"the Hub refuses ({status}); check the token and its rights (hf auth login, HF_TOKEN)"
        )
    if status == 429:
        return "too many requests (429); wait some minutes, or log in (hf auth login)"
    message = redact(getattr(error, "server_message", None) or "")
    return f"the Hub answers {status}{f' ({message})' if message else ''}; try again later"


def _describe_local(error: Any) -> str:
    folder = cache.cache_folder()
    if error.errno in FULL:
        return (
            f"no space left in {folder}; remove models (hf cache rm), "
            "or set HF_HOME to a larger disk"
        )
    return f"{error.filename or folder} cannot be written; set HF_HOME to a folder of yours"


def _find_cause(error: BaseException) -> BaseException:
    """The client wraps a failed metadata request; the cause tells more."""
    from huggingface_hub import errors

    wraps = isinstance(error, (errors.LocalEntryNotFoundError, ValueError))
    return (error.__cause__ if wraps else None) or error


def _get_status(error: Any) -> int | None:
    status: int | None = getattr(error.response, "status_code", None)
    return status


def _is_local(error: BaseException) -> bool:
    """Whether the error is this machine's disk."""
    return isinstance(error, OSError) and error.errno in (*FULL, *FORBIDDEN)


def _is_transient(error: BaseException) -> bool:
    from huggingface_hub import errors

    if isinstance(error, errors.HfHubHTTPError):
        return _get_status(error) in TRANSIENT
    if isinstance(error, json.JSONDecodeError):  # a truncated answer
        return True
    if isinstance(error, (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled)):
        return False
    return not isinstance(error, (ValueError, *BUGS)) and not _is_local(error)
