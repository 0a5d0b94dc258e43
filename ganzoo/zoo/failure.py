"""What goes wrong on the way to the Hub: which of it may pass, and how the rest is worded.

What the client raises comes from a different HTTP library in each of its major versions, so only its own classes and the
built-in ones are told apart by type. Tokens never reach a message. Light: the client is imported when it is needed.
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
from ganzoo.zoo import place

TRIES = 4
"""Of one download; within each, the client itself goes on after closed connections and stalls."""
PAUSE = 1.0
"""Seconds before the second try; doubled each time."""
ENOUGH = 10.0
"""Seconds of the client's own tries to look for a file, after which there are no more of ours; 1.x makes none."""
LONGEST = 60.0
"""Seconds that a Hub may ask to wait for."""
PASSING = (408, 412, 429, 500, 502, 503, 504)
"""Answers that another try may change."""


def endpoint() -> str:
    """The Hub's address, as the user set it, without anything secret that it may hold."""
    from huggingface_hub import constants

    return re.sub(r"//[^/@]*@", "//", str(constants.ENDPOINT))


@contextmanager
def worded(what: str) -> Iterator[None]:
    """Whatever the client raises, as one line that says what was asked, what is wrong and what to do. It warns of nothing."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="huggingface_hub")
            yield
    except (
        Exception
    ) as error:  # the HTTP library's own classes differ between the client's versions
        if isinstance(error, GanzooError) or _is_ours(error):
            raise
        raise _as_ours(what, _reason(error)) from None


def _as_ours(what: str, error: BaseException) -> GanzooError:
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return HubError(
            f"{what}: its owner gives access on request; ask at {endpoint()}, then hf auth login"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return NotAvailable(
            f"{what}: no such repository on {endpoint()}, or a private one (hf auth login)"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return NotAvailable(f"{what}: the repository has no such branch, tag or commit")
    if isinstance(error, (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError)):
        if place.is_offline():
            return NotAvailable(f"{what}: not in the cache, and HF_HUB_OFFLINE forbids to fetch it")
        return Unreachable(f"{what}: {endpoint()} cannot be reached; try again later")
    if isinstance(error, errors.EntryNotFoundError):
        return NotAvailable(f"{what}: the repository has no such file")
    if isinstance(error, errors.HfHubHTTPError):
        kind = Unreachable if _status(error) in PASSING else HubError
        return kind(f"{what}: {_answer(error)}")
    return (
        HubError(f"{what}: {_trouble_here(error)}")
        if _is_here(error)
        else Unreachable(f"{what}: {_trouble(error)}")
    )


def _reason(error: BaseException) -> BaseException:
    """What lies behind the client's general words, if it says so: the failed look at the Hub for a file's facts."""
    from huggingface_hub import errors

    told = (
        error.__cause__ if isinstance(error, (errors.LocalEntryNotFoundError, ValueError)) else None
    )
    return told or error


def _status(error: Any) -> int | None:
    status: int | None = getattr(error.response, "status_code", None)
    return status


def _answer(error: Any) -> str:
    status = _status(error)
    if status in (401, 403):
        return f"the Hub refuses ({status}); is the token right, and may it do this? (hf auth login, or HF_TOKEN)"
    if status == 429:
        return "the Hub is asked too often (429); wait some minutes, or log in (hf auth login)"
    said = getattr(error, "server_message", None) or ""
    return f"the Hub answers {status}{f' ({safe(said)})' if said else ''}; try again later"


def _is_here(error: BaseException) -> bool:
    """Whether this machine's disk is what is wrong."""
    return isinstance(error, OSError) and error.errno in (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
    )


def _trouble_here(error: Any) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left in {place.cache_folder()}; free some (ganzoo cache rm), or set HF_HOME to a larger disk"
    return f"{error.filename or place.cache_folder()} cannot be written; is the cache yours? (HF_HOME sets its place)"


def _trouble(error: BaseException) -> str:
    text = str(error)
    if "Consistency check failed" in text:  # the client has no class for it
        return "what came has another length than the Hub says; try again later"
    if type(error).__name__ == "FileMetadataError":  # 1.x does not show the class
        return f"{endpoint()} does not say what a Hub says of a file; is it one?"
    return f"{type(error).__name__} from {endpoint()}: {safe(text)}; try again later"


def safe(text: str) -> str:
    """A stranger's words on one line: signed addresses without their signatures, no token."""
    from huggingface_hub import get_token

    token = get_token()
    text = text.replace(token, "<token>") if token else text
    text = re.sub(r"(https?://[^\s?]*)\?\S*", r"\1", text)
    text = re.sub(r"hf_[A-Za-z0-9]{8,}", "<token>", text)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]


def _is_ours(error: BaseException) -> bool:
    """A mistake in this program, which must not be worded as the network's."""
    return isinstance(error, (TypeError, AttributeError, NameError, AssertionError, KeyError))


def again(work: Callable[[], Any]) -> Any:
    """The work's result, tried anew after what may pass. A full disk, a refusal or an answer that will not change end it."""
    for number in range(TRIES - 1):
        began = time.monotonic()
        try:
            return work()
        except Exception as error:
            reason = _reason(error)
            waited = reason is not error and time.monotonic() - began > ENOUGH
            if waited or not _may_pass(reason):
                raise
            time.sleep(_pause(error, number))
    return work()


def _pause(error: Any, number: int) -> float:
    """Seconds until the next try: as the answer asks, within bounds, else longer each time."""
    asked = str(getattr(getattr(error, "response", None), "headers", {}).get("Retry-After", ""))
    return max(PAUSE * 2.0**number, min(float(asked), LONGEST) if asked.isdecimal() else 0.0)


def _may_pass(error: BaseException) -> bool:
    from huggingface_hub import errors

    if isinstance(error, errors.HfHubHTTPError):
        return _status(error) in PASSING
    if isinstance(error, json.JSONDecodeError):  # of an answer that broke off
        return True
    if isinstance(
        error, (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, ValueError)
    ) or _is_ours(error):
        return False
    return not _is_here(error)
