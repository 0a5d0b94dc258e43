"""Is what is installed whole, and does it fit together?"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import import_module, metadata
from importlib.util import find_spec

from ganzoo.doctor import OURS, REINSTALL, Check, Finding, reason
from ganzoo.version import VERSION

VISION_AHEAD = 15
"""torch 2.x and torchvision 0.(x + 15) are built for each other."""


def _python() -> Iterator[Finding]:
    yield Finding(
        "python",
        "ok",
        f"{platform.python_version()}, {platform.system()} {platform.machine()}, {sys.executable}",
    )


def _ganzoo() -> Iterator[Finding]:
    """Ours, and what may have been written over it: the index name belongs to somebody else's package."""
    foreign, installed = _version("ganzoo"), _version(OURS)
    if foreign:
        words = f"another package, ganzoo {foreign}, is installed and overwrites ganzoo/__init__.py"
        yield Finding("ganzoo", "FAIL", words, f"pip uninstall ganzoo, then {REINSTALL}")
    elif "load" not in getattr(sys.modules["ganzoo"], "__all__", ()):
        yield Finding("ganzoo", "FAIL", "ganzoo/__init__.py is missing or not ours", REINSTALL)
    elif installed is None:
        words = f"{VERSION} runs from a folder and is not installed, so no plugin of it is found"
        yield Finding("ganzoo", "warn", words, "pip install -e . in the checkout")
    elif installed != VERSION:
        words = f"the code is {VERSION}, the installed distribution says {installed}"
        yield Finding(
            "ganzoo",
            "warn",
            words,
            f"install it again: pip install -e . in a checkout, else {REINSTALL}",
        )
    else:
        yield Finding("ganzoo", "ok", f"{OURS} {VERSION}")


def _requirements() -> Iterator[Finding]:
    from packaging.requirements import Requirement

    wanted = [
        Requirement(line) for line in (metadata.requires(OURS) or [] if _version(OURS) else [])
    ]
    wanted = [each for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    wrong = False
    for each in wanted:
        found = _version(each.name)
        if found is None and each.name != "torch":  # it has its own check
            wrong = True
            yield Finding(
                "requirements",
                "FAIL",
                f"{each.name} is missing",
                f"pip install '{each.name}{each.specifier}'",
            )
        elif found and not each.specifier.contains(found, prereleases=True):
            wrong = True
            words = f"{each.name} is {found}, and {each.specifier} is asked for"
            yield Finding(
                "requirements", "warn", words, f"pip install '{each.name}{each.specifier}'"
            )
    if not wrong:
        yield Finding("requirements", "ok", f"{len(wanted)} distributions, versions as asked for")


def _torch() -> Iterator[Finding]:
    again = "pip install --force-reinstall torch; pytorch.org names the build for this machine"
    try:
        torch = import_module("torch")
    except ModuleNotFoundError as error:
        missing = error.name == "torch"
        yield Finding(
            "torch",
            "FAIL",
            "not installed" if missing else reason(error),
            "pip install torch" if missing else again,
        )
        return
    except (
        Exception
    ) as error:  # ImportError or OSError of a library, or whatever a broken build raises
        yield Finding("torch", "FAIL", f"does not start: {reason(error)}", again)
        return
    if not hasattr(torch, "__version__"):
        sys.modules.pop("torch")
        yield Finding(
            "torch",
            "FAIL",
            f"{torch.__file__ or torch.__path__} is imported instead of torch",
            "rename or remove it",
        )
        return
    cuda, hip = torch.version.cuda, getattr(torch.version, "hip", None)
    build = (
        f"built for CUDA {cuda}"
        if cuda
        else f"built for ROCm {hip}"
        if hip
        else "built for the CPU alone"
    )
    yield Finding("torch", "ok", f"{torch.__version__}, {build}")
    try:
        torch.zeros(1).numpy()
    except Exception as error:
        yield Finding(
            "numpy",
            "FAIL",
            f"does not fit torch: {reason(error)}",
            "pip install --upgrade torch numpy",
        )


def _torchvision() -> Iterator[Finding]:
    if find_spec("torchvision") is None:
        yield Finding(
            "torchvision", "ok", "not installed, and not needed but for ganzoo train --download"
        )
        return
    torch = sys.modules.get("torch")
    if torch is None:
        yield Finding("torchvision", "warn", "not examined, since torch does not start")
        return
    own, found = str(torch.__version__), _version("torchvision") or "of unknown version"
    try:
        found = str(import_module("torchvision").__version__)
    except (
        Exception
    ) as error:  # a RuntimeError of missing operators, an ImportError or OSError of its library
        words = f"{found} does not fit torch {own}: {reason(error)}"
        yield Finding("torchvision", "FAIL", words, vision_remedy(own))
        return
    builds = {text.partition("+")[2] for text in (own, found)} - {""}
    if vision_for(own) not in (None, _minor(found)) or len(builds) > 1:
        yield Finding(
            "torchvision",
            "warn",
            f"{found} is built for another torch than {own}",
            vision_remedy(own),
        )
    else:
        yield Finding("torchvision", "ok", found)


def vision_for(torch: str) -> str | None:
    """The torchvision, as 0.20, that is built for a torch 2.x; None where that is not known."""
    major, minor = _minor(torch).split(".")
    return f"0.{int(minor) + VISION_AHEAD}" if major == "2" and minor.isdigit() else None


def vision_remedy(torch: str) -> str:
    """How to get the torchvision of a torch, from the index of its build."""
    wanted, build = vision_for(torch), torch.partition("+")[2]
    index = (
        f" --index-url https://download.pytorch.org/whl/{build}"
        if build.startswith(("cpu", "cu", "rocm"))
        else ""
    )
    pin = f"=={wanted}.*" if wanted else ""
    return f"pip install --force-reinstall --no-deps 'torchvision{pin}'{index}, or pip uninstall torchvision"


def _minor(text: str) -> str:
    return ".".join((*text.partition("+")[0].split("."), "?")[:2])


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


CHECKS: dict[str, Check] = {
    "python": _python,
    "ganzoo": _ganzoo,
    "requirements": _requirements,
    "torch": _torch,
    "torchvision": _torchvision,
}
