"""Which device and which number format: the one place that decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch

from ganzoo.errors import DeviceError
from ganzoo.spec import Output, Picture


def choose_device(name: str = "auto") -> torch.device:
    """`auto`: CUDA, else Apple's GPU, else the CPU. DeviceError when the asked-for one is not there."""
    there: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, available in there.items() if available()))
    kind = name.partition(":")[0]
    if kind not in there:
        raise DeviceError(f"no device {name!r} (auto, cpu, cuda, mps)")
    if not there[kind]():
        raise DeviceError(
            f"device {name!r} is asked for, but torch {torch.__version__} sees none on this machine; use --device cpu"
        )
    return torch.device(name)


def choose_precision(
    name: str, device: torch.device, output: Output | None = None
) -> Literal["bf16", "fp32"]:
    """`auto`: bf16 where it is native (CUDA 8.0 and later, CPUs with avx512_bf16 or amx), else fp32.

    Points and curves stay in fp32: bf16 would round their coordinates to three digits, which pictures do not show."""
    if name == "fp32":
        return "fp32"
    if name == "bf16":
        return "bf16"
    if name != "auto":
        raise DeviceError(f"no precision {name!r} (auto, bf16, fp32)")
    pictures = output is None or isinstance(output, Picture)
    return "bf16" if pictures and _native_bf16(device) else "fp32"


def describe(device: torch.device) -> str:
    """The machine kind that a run records, without names of hosts or users."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"{device.type}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}"


def _native_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)
    return False
