"""Checks of the installed packages: are they complete, and do their versions match?"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import import_module, metadata
from importlib.util import find_spec

from ganzoo.doctor.findings import REINSTALL, Finding, InstallCheck, describe_error
from ganzoo.extensions import OWN_DISTRIBUTION
from ganzoo.version import VERSION

VISION_AHEAD = 15
"""torch 2.x and torchvision 0.(x + 15) are built for each other."""
INDEX = "https://download.pytorch.org/whl"


def check_python() -> Iterator[Finding]:
    """Never fails: the versions are for bug reports."""
    system = f"{platform.system()} {platform.machine()}"
    yield Finding("python", "ok", f"{platform.python_version()}, {system}, {sys.executable}")


def check_ganzoo() -> Iterator[Finding]:
    """Is ganzoo/ ours? The distribution named `ganzoo` on the index is another project's."""
    foreign, installed = _installed_version("ganzoo"), _installed_version(OWN_DISTRIBUTION)
    if foreign:
        detail = (
            f"another package, ganzoo {foreign}, is installed and overwrites ganzoo/__init__.py"
        )
        yield Finding("ganzoo", "FAIL", detail, f"pip uninstall ganzoo, then {REINSTALL}")
    elif "load" not in getattr(sys.modules["ganzoo"], "__all__", ()):
        yield Finding("ganzoo", "FAIL", "ganzoo/__init__.py is missing or not ours", REINSTALL)
    elif installed is None:
        detail = f"{VERSION} runs from a folder but is not installed; its plugins are not found"
        yield Finding("ganzoo", "warn", detail, "pip install -e . in the checkout")
    elif installed != VERSION:
        detail = f"the code is {VERSION}, the installed distribution is {installed}"
        remedy = f"pip install -e . in a checkout, otherwise {REINSTALL}"
        yield Finding("ganzoo", "warn", detail, remedy)
    else:
        yield Finding("ganzoo", "ok", f"{OWN_DISTRIBUTION} {VERSION}")


def check_requirements() -> Iterator[Finding]:
    """Are all dependencies installed, in versions that the metadata allow?"""
    from packaging.requirements import Requirement

    lines = (
        (metadata.requires(OWN_DISTRIBUTION) or []) if _installed_version(OWN_DISTRIBUTION) else []
    )
    requirements = [Requirement(line) for line in lines]
    requirements = [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    problems = []
    for requirement in requirements:
        name, specifier = requirement.name, requirement.specifier
        remedy = f"pip install '{name}{specifier}'"
        version = _installed_version(name)
        if version is None and name != "torch":  # it has its own check
            problems.append(Finding("requirements", "FAIL", f"{name} is missing", remedy))
        elif version and not specifier.contains(version, prereleases=True):
            detail = f"{name} is {version}; {specifier} is required"
            problems.append(Finding("requirements", "warn", detail, remedy))
    count = f"{len(requirements)} distributions, all in the required versions"
    yield from problems or [Finding("requirements", "ok", count)]


def check_torch() -> Iterator[Finding]:
    """Can torch be imported, and does it work with the installed numpy?"""
    again = "pip install --force-reinstall torch; pytorch.org names the build for this machine"
    try:
        torch = import_module("torch")
    except ModuleNotFoundError as error:
        if error.name == "torch":
            yield Finding("torch", "FAIL", "not installed", "pip install torch")
        else:
            yield Finding("torch", "FAIL", describe_error(error), again)
        return
    except Exception as error:  # a broken build may raise anything
        yield Finding("torch", "FAIL", f"cannot be imported: {describe_error(error)}", again)
        return
    if not hasattr(torch, "__version__"):
        sys.modules.pop("torch")
        detail = f"{torch.__file__ or torch.__path__} is imported instead of torch"
        yield Finding("torch", "FAIL", detail, "rename or remove it")
        return
    cuda, hip = torch.version.cuda, getattr(torch.version, "hip", None)
    build = "built for the CPU only"
    if cuda:
        build = f"built for CUDA {cuda}"
    elif hip:
        build = f"built for ROCm {hip}"
    yield Finding("torch", "ok", f"{torch.__version__}, {build}")
    try:
        torch.zeros(1).numpy()
    except Exception as error:
        detail = f"does not work with torch: {describe_error(error)}"
        yield Finding("numpy", "FAIL", detail, "pip install --upgrade torch numpy")


def check_torchvision() -> Iterator[Finding]:
    """Does torchvision, if installed, match torch?"""
    if find_spec("torchvision") is None:
        detail = "not installed; only ganzoo train --download needs it"
        yield Finding("torchvision", "ok", detail)
        return
    torch = sys.modules.get("torch")
    if torch is None:
        yield Finding("torchvision", "warn", "not checked: torch cannot be imported")
        return
    own, found = str(torch.__version__), _installed_version("torchvision") or "of unknown version"
    remedy = vision_remedy(own)
    try:
        found = str(import_module("torchvision").__version__)
    except Exception as error:  # missing operators or libraries raise several types
        detail = f"{found} does not match torch {own}: {describe_error(error)}"
        yield Finding("torchvision", "FAIL", detail, remedy)
        return
    builds = {version.partition("+")[2] for version in (own, found)} - {""}
    if vision_for(own) not in (None, _major_minor(found)) or len(builds) > 1:
        yield Finding(
            "torchvision", "warn", f"{found} is built for another torch than {own}", remedy
        )
    else:
        yield Finding("torchvision", "ok", found)


def vision_for(torch: str) -> str | None:
    """The torchvision series, such as 0.20, built for a torch 2.x; None if unknown."""
    major, minor = _major_minor(torch).split(".")
    return f"0.{int(minor) + VISION_AHEAD}" if major == "2" and minor.isdigit() else None


def vision_remedy(torch: str) -> str:
    """How to install the torchvision that matches a torch, from the index of its build."""
    series, build = vision_for(torch), torch.partition("+")[2]
    pin = f"=={series}.*" if series else ""
    index = f" --index-url {INDEX}/{build}" if build.startswith(("cpu", "cu", "rocm")) else ""
    install = f"pip install --force-reinstall --no-deps 'torchvision{pin}'{index}"
    return f"{install}, or pip uninstall torchvision"


def _major_minor(version: str) -> str:
    """The first two parts of a version; "?" for a missing one."""
    return ".".join((*version.partition("+")[0].split("."), "?")[:2])


def _installed_version(distribution: str) -> str | None:
    """Version of an installed distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


INSTALL_CHECKS: dict[str, InstallCheck] = {
    "python": check_python,
    "ganzoo": check_ganzoo,
    "requirements": check_requirements,
    "torch": check_torch,
    "torchvision": check_torchvision,
}
