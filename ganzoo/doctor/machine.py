"""What this machine offers: devices, places on disk, settings of the environment."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.doctor import Check, Finding, reason
from ganzoo.errors import did_you_mean, near

if TYPE_CHECKING:
    import torch

VARIABLES = ("GANZOO_DATA", "GANZOO_DEBUG", "GANZOO_PLUGINS")
ROOM = 2 * 10**9
"""Free bytes below which a disk is called small."""
SHARED_MEMORY = Path("/dev/shm")
SHARED_ROOM = 64 * 2**20
OTHER_BUILD = "install the torch of pytorch.org for this GPU and driver, or give --device cpu"


def _devices() -> Iterator[Finding]:
    torch = sys.modules.get("torch")
    if torch is None:
        return  # the check of torch says why
    from ganzoo.sampling.device import choose_device

    cpu = torch.device("cpu")
    facts = f"{torch.get_num_threads()} threads on {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}"
    yield Finding(
        "cpu",
        "ok",
        f"{facts}; {_precision(cpu, 'native avx512_bf16 or amx', 'no native avx512_bf16 or amx')}",
    )
    yield from _cuda()
    if torch.backends.mps.is_available():
        yield Finding("mps", "ok", _precision(torch.device("mps"), "", "bf16 is not native"))
    else:
        yield Finding(
            "mps",
            "ok",
            "none: no GPU of Apple here"
            if sys.platform == "darwin"
            else "none: not a machine of Apple",
        )
    yield Finding("device", "ok", f"--device auto takes {choose_device().type}")


def _cuda() -> Iterator[Finding]:
    import torch

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        there = torch.cuda.is_available()
    if not there:
        driver = shutil.which("nvidia-smi") or any(
            map(os.path.exists, ("/dev/nvidia0", "/dev/kfd"))
        )
        why = (
            str(said[0].message).splitlines()[0]
            if said
            else "its build does not fit"
            if driver
            else "no driver"
        )
        state, remedy = ("warn", OTHER_BUILD) if driver or said else ("ok", "")
        yield Finding("cuda", state, f"torch sees none: {why}", remedy)  # type: ignore[arg-type]
        return
    for number in range(torch.cuda.device_count()):
        yield _gpu(torch.device("cuda", number))


def _gpu(device: torch.device) -> Finding:
    """A GPU, after one sum on it."""
    import torch

    name, major, minor = (
        torch.cuda.get_device_name(device),
        *torch.cuda.get_device_capability(device),
    )
    try:
        torch.ones(8, device=device).sum().item()
        free, whole = torch.cuda.mem_get_info(device)
    except Exception as error:  # no kernel for it, a lost device, memory all taken
        return Finding("cuda", "FAIL", f"{device}, {name}: {reason(error)}", OTHER_BUILD)
    bf16 = _precision(
        device, f"capability {major}.{minor}", f"capability {major}.{minor}, bf16 needs 8.0"
    )
    return Finding(
        "cuda", "ok", f"{device}, {name}, {_gigabytes(free)} of {_gigabytes(whole)} free; {bf16}"
    )


def _precision(device: torch.device, native: str, otherwise: str) -> str:
    """What --precision auto takes there, and why."""
    from ganzoo.sampling.device import choose_precision

    if choose_precision("auto", device) == "bf16":
        return f"auto: bf16 for pictures ({native}), fp32 for points and curves"
    return f"auto: fp32 ({otherwise})"


def _cache() -> Iterator[Finding]:
    from ganzoo.zoo import cache
    from ganzoo.zoo.place import cache_folder

    folder = cache_folder()
    try:
        models, unreadable = cache.scan()
    except OSError as error:
        elsewhere = "set HF_HOME to a folder of yours"
        yield Finding(
            "cache",
            "warn",
            f"{folder}: {error.strerror or error}; nothing can be kept there",
            elsewhere,
        )
        return
    held = f"{len(models)} ganzoo models, {_megabytes(sum(model.bytes for model in models))}"
    place = f"{folder}, {held if folder.exists() else 'not there yet'}"
    if not os.access(existing(folder), os.W_OK | os.X_OK):
        yield Finding(
            "cache", "warn", f"{place}; not yours to write", "set HF_HOME to a folder of yours"
        )
    elif unreadable:
        yield Finding(
            "cache",
            "warn",
            f"{place}; cannot be read: {', '.join(unreadable)}",
            "give yourself the right to read it",
        )
    elif any(model.problem or model.unfinished for model in models):
        yield Finding(
            "cache",
            "warn",
            f"{place}; some are broken or unfinished",
            "ganzoo cache list, ganzoo cache rm",
        )
    else:
        yield Finding("cache", "ok", place)


def _network() -> Iterator[Finding]:
    from ganzoo.zoo.place import is_offline

    offline = "offline (HF_HUB_OFFLINE): only what came with the package or lies in the cache"
    yield Finding(
        "network",
        "ok",
        offline if is_offline() else "models may be fetched; HF_HUB_OFFLINE=1 forbids it",
    )


def _disk() -> Iterator[Finding]:
    from ganzoo.zoo.place import cache_folder

    yield room("cache", cache_folder())
    yield room("working folder", Path.cwd())


def room(what: str, folder: Path, least: int = ROOM) -> Finding:
    """Free bytes where a folder lies or will lie."""
    free = shutil.disk_usage(existing(folder)).free
    if free < least:
        words = f"{what}: {_gigabytes(free)} free, less than {_gigabytes(least)}"
        return Finding("disk", "warn", words, "free some; ganzoo cache list shows what models take")
    return Finding("disk", "ok", f"{what}: {_gigabytes(free)} free")


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = Path(os.path.abspath(folder))
    return next(place for place in (folder, *folder.parents) if os.path.exists(place))


def _shared_memory() -> Iterator[Finding]:
    if not SHARED_MEMORY.is_dir():
        return
    free = shutil.disk_usage(SHARED_MEMORY).free
    if free < SHARED_ROOM:
        words = f"{_megabytes(free)} free in {SHARED_MEMORY}; training on several GPUs needs more"
        yield Finding("shared memory", "warn", words, "in a container: --shm-size=1g")
    else:
        yield Finding("shared memory", "ok", f"{_gigabytes(free)} free")


def _environment() -> Iterator[Finding]:
    given = {
        name: value for name, value in sorted(os.environ.items()) if name.startswith("GANZOO_")
    }
    for name in given:
        if name not in VARIABLES:
            yield Finding(
                "environment",
                "warn",
                f"{name} is not known{did_you_mean(near(name, VARIABLES)[:1])}",
                f"unset {name}",
            )
    data = given.get("GANZOO_DATA")
    if data and not os.path.isdir(data):
        yield Finding(
            "environment",
            "warn",
            f"GANZOO_DATA={data} is no folder",
            "set it to the folder of the data sets",
        )
    known = [f"{name}={value}" for name, value in given.items() if name in VARIABLES]
    yield Finding("environment", "ok", ", ".join(known) or "no GANZOO_ variable is set")


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


CHECKS: dict[str, Check] = {
    "devices": _devices,
    "cache": _cache,
    "network": _network,
    "disk": _disk,
    "shared memory": _shared_memory,
    "environment": _environment,
}
