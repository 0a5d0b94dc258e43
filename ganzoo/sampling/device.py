"""The choice of device and precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch

from ganzoo.errors import DeviceError
from ganzoo.spec import Output, Picture


def choose_device(name: str = "auto") -> torch.device:
    """`auto`: CUDA, else Apple's GPU, else the CPU. DeviceError where `name` is not available."""
    available: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, probe in available.items() if probe()))
    kind = name.partition(":")[0]
    if kind not in available:
        raise DeviceError(f"no device {name!r} (auto, cpu, cuda, mps)")
    if not available[kind]():
        raise DeviceError(
            f"torch {torch.__version__} finds no device {name!r} on this machine; use --device cpu"
        )
    return torch.device(name)


def choose_precision(
    name: str, device: torch.device, output: Output | None = None
) -> Literal["bf16", "fp32"]:
    """`auto`: bf16 for images where it is native, else fp32.

    Native are CUDA 8.0 and later, and CPUs with avx512_bf16 or amx. Points and curves stay in fp32,
    since bf16 rounds their coordinates to three digits.
    """
    match name:
        case "fp32" | "bf16":
            return name
        case "auto":
            if output is not None and not isinstance(output, Picture):
                return "fp32"
            native = False
            if device.type == "cuda":
                native = torch.cuda.get_device_capability(device) >= (8, 0)
            elif device.type == "cpu":
                probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
                native = any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)
            return "bf16" if native else "fp32"
        case _:
            raise DeviceError(f"no precision {name!r} (auto, bf16, fp32)")


def describe(device: torch.device) -> str:
    """The kind of machine that a run records, without names of hosts or users."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{device.type}, {torch.get_num_threads()} threads, {capability}"
