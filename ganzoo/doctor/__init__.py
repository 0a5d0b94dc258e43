"""Examine an installation. Light: torch is imported inside a check and may be missing or broken."""

from __future__ import annotations

from collections.abc import Iterator

from ganzoo.doctor import install, machine, zoo
from ganzoo.doctor.findings import REINSTALL, Finding, describe_error
from ganzoo.errors import GanzooError


def examine() -> Iterator[Finding]:
    """Run every check in order; a check that crashes is reported as a failure."""
    for name, check in {
        **install.INSTALL_CHECKS,
        **machine.MACHINE_CHECKS,
        **zoo.ZOO_CHECKS,
    }.items():
        try:
            yield from check()
        except GanzooError as error:
            yield Finding(name, "FAIL", str(error))
        except Exception as error:  # the other checks must still run
            detail = f"check crashed: {describe_error(error)}"
            yield Finding(name, "FAIL", detail, f"if all other checks pass: {REINSTALL}")
