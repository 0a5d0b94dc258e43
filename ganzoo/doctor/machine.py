"""Checks of the machine: devices, disk space, cache, environment variables."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.doctor.findings import Finding, InstallCheck, describe_error
from ganzoo.errors import did_you_mean, near

if TYPE_CHECKING:
    import torch

VARIABLES = ("GANZOO_DATA", "GANZOO_DEBUG", "GANZOO_PLUGINS")
ROOM = 2 * 10**9
"""Bytes; a disk with less free space gets a warning."""
SHARED_MEMORY = Path("/dev/shm")
SHARED_ROOM = 64 * 2**20
DRIVERS = ("/dev/nvidia0", "/dev/kfd")
OTHER_BUILD = "install the torch of pytorch.org for this GPU and driver, or pass --device cpu"
OTHER_HOME = "set HF_HOME to a writable folder"


def check_devices() -> Iterator[Finding]:
    """CPU, GPUs, and what `--device auto` and `--precision auto` select."""
    torch = sys.modules.get("torch")
    if torch is None:
        return  # the check of torch says why
    from ganzoo.sampling.device import choose_device

    threads = f"{torch.get_num_threads()} threads on {os.cpu_count()} cores"
    capability = torch.backends.cpu.get_cpu_capability()
    native = "native avx512_bf16 or amx"
    precision = _describe_precision(torch.device("cpu"), native, f"no {native}")
    yield Finding("cpu", "ok", f"{threads}, {capability}; {precision}")
    yield from _check_cuda()
    if torch.backends.mps.is_available():
        yield Finding(
            "mps", "ok", _describe_precision(torch.device("mps"), "", "bf16 is not native")
        )
    elif sys.platform == "darwin":
        yield Finding("mps", "ok", "none: no Apple GPU")
    else:
        yield Finding("mps", "ok", "none: not a Mac")
    yield Finding("device", "ok", f"--device auto selects {choose_device().type}")


def _check_cuda() -> Iterator[Finding]:
    """Every GPU that torch sees; if none, why. One operation is run on each."""
    import torch

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    if not available:
        driver = shutil.which("nvidia-smi") or any(map(os.path.exists, DRIVERS))
        if caught:
            reason = str(caught[0].message).splitlines()[0]
            yield Finding("cuda", "warn", f"torch finds no GPU: {reason}", OTHER_BUILD)
        elif driver:
            detail = "torch finds no GPU: its build does not match the driver"
            yield Finding("cuda", "warn", detail, OTHER_BUILD)
        else:
            yield Finding("cuda", "ok", "torch finds no GPU: no driver")
        return
    for number in range(torch.cuda.device_count()):
        device = torch.device("cuda", number)
        name = f"{device}, {torch.cuda.get_device_name(device)}"
        try:
            torch.ones(8, device=device).sum().item()
            free, total = torch.cuda.mem_get_info(device)
        except Exception as error:  # no kernel for it, a lost device, no free memory
            yield Finding("cuda", "FAIL", f"{name}: {describe_error(error)}", OTHER_BUILD)
            continue
        major, minor = torch.cuda.get_device_capability(device)
        capability = f"capability {major}.{minor}"
        precision = _describe_precision(device, capability, f"{capability}, bf16 needs 8.0")
        memory = f"{_format_gb(free)} of {_format_gb(total)} free"
        yield Finding("cuda", "ok", f"{name}, {memory}; {precision}")


def _describe_precision(device: torch.device, native: str, otherwise: str) -> str:
    """What `--precision auto` selects; `native`, `otherwise`: the reason if bf16, fp32."""
    from ganzoo.sampling.device import choose_precision

    if choose_precision("auto", device) == "bf16":
        return f"auto: bf16 for images ({native}), fp32 for points and curves"
    return f"auto: fp32 ({otherwise})"


def check_cache() -> Iterator[Finding]:
    """The Hub cache: readable, writable, without broken or unfinished models."""
    from ganzoo.zoo import cache
    from ganzoo.zoo.cache import cache_folder

    folder = cache_folder()
    try:
        models, unreadable = cache.scan()
    except OSError as error:
        detail = f"{folder}: {error.strerror or error}; nothing can be cached there"
        yield Finding("cache", "warn", detail, OTHER_HOME)
        return
    content = "does not exist yet"
    if folder.exists():
        content = f"{len(models)} ganzoo models, {_format_mb(sum(m.bytes for m in models))}"
    detail = f"{folder}, {content}"
    if not os.access(find_existing(folder), os.W_OK | os.X_OK):
        yield Finding("cache", "warn", f"{detail}; not writable", OTHER_HOME)
    elif unreadable:
        detail += f"; cannot be read: {', '.join(unreadable)}"
        yield Finding("cache", "warn", detail, "change the permissions")
    elif any(model.problem or model.unfinished for model in models):
        detail += "; some are broken or unfinished"
        yield Finding("cache", "warn", detail, "ganzoo cache list, hf cache rm")
    else:
        yield Finding("cache", "ok", detail)


def check_network() -> Iterator[Finding]:
    """Whether models may be downloaded."""
    from ganzoo.zoo.cache import is_offline

    detail = "models may be downloaded; HF_HUB_OFFLINE=1 forbids it"
    if is_offline():
        detail = "offline (HF_HUB_OFFLINE): only packaged and cached models"
    yield Finding("network", "ok", detail)


def check_disk() -> Iterator[Finding]:
    """Free space for the cache and in the working folder."""
    from ganzoo.zoo.cache import cache_folder

    yield check_free_space("cache", cache_folder())
    yield check_free_space("working folder", Path.cwd())


def check_free_space(name: str, folder: Path, least: int = ROOM) -> Finding:
    """Free space on the disk of a folder, which need not exist yet."""
    free = shutil.disk_usage(find_existing(folder)).free
    if free < least:
        detail = f"{name}: {_format_gb(free)} free, less than {_format_gb(least)}"
        remedy = "free some space; ganzoo cache list shows the size of cached models"
        return Finding("disk", "warn", detail, remedy)
    return Finding("disk", "ok", f"{name}: {_format_gb(free)} free")


def find_existing(folder: Path) -> Path:
    """The folder, or its nearest parent that exists."""
    folder = Path(os.path.abspath(folder))
    return next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))


def check_shared_memory() -> Iterator[Finding]:
    """Space in /dev/shm, where there is one."""
    if not SHARED_MEMORY.is_dir():
        return
    free = shutil.disk_usage(SHARED_MEMORY).free
    if free < SHARED_ROOM:
        detail = f"{_format_mb(free)} free in {SHARED_MEMORY}; training on several GPUs needs more"
        yield Finding("shared memory", "warn", detail, "in a container: --shm-size=1g")
    else:
        yield Finding("shared memory", "ok", f"{_format_gb(free)} free")


def check_environment() -> Iterator[Finding]:
    """Variables named GANZOO_: are they known, and valid?"""
    found = {name: os.environ[name] for name in sorted(os.environ) if name.startswith("GANZOO_")}
    known = []
    for name, value in found.items():
        if name in VARIABLES:
            known.append(f"{name}={value}")
        else:
            detail = f"{name} is not known{did_you_mean(near(name, VARIABLES)[:1])}"
            yield Finding("environment", "warn", detail, f"unset {name}")
    data = found.get("GANZOO_DATA")
    if data and not os.path.isdir(data):
        detail = f"GANZOO_DATA={data} is not a folder"
        yield Finding("environment", "warn", detail, "set it to the folder of the data sets")
    yield Finding("environment", "ok", ", ".join(known) or "no GANZOO_ variable is set")


def _format_gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def _format_mb(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


MACHINE_CHECKS: dict[str, InstallCheck] = {
    "devices": check_devices,
    "cache": check_cache,
    "network": check_network,
    "disk": check_disk,
    "shared memory": check_shared_memory,
    "environment": check_environment,
}
