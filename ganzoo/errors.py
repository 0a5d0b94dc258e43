"""Errors that a user can cause: what was requested, what is wrong, what to do.

Exceptions carry their facts as attributes. Their text is complete; the command line prints it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path


class GanzooError(Exception):
    """Base of all errors for the user. `exit_code`: 1 the work failed, 2 the request is wrong."""

    exit_code = 1


class UsageError(GanzooError):
    """The request itself is wrong: an option, a value, a combination."""

    exit_code = 2


def near(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Up to three known names that are similar to `name`, best first."""
    return tuple(difflib.get_close_matches(name, list(known), n=3, cutoff=0.6))


def did_you_mean(names: Sequence[str]) -> str:
    """`; did you mean a or b?`, or nothing."""
    return f"; did you mean {' or '.join(names)}?" if names else ""


class UnknownPlugin(UsageError):
    """`hidden`: the plugin is installed, but GANZOO_PLUGINS leaves it out."""

    def __init__(self, name: str, known: Iterable[str], hidden: bool = False) -> None:
        self.name, self.known = name, tuple(known)
        self.near = near(name, self.known)
        if hidden:
            super().__init__(
                f"plugin {name!r} is installed, but GANZOO_PLUGINS leaves it out; "
                "add it there, or unset the variable"
            )
            return
        super().__init__(
            f"no plugin {name!r}{did_you_mean(self.near)} (ganzoo list shows all; "
            "a plugin added to an editable install is seen after it is installed again)"
        )


class MissingPlugin(GanzooError):
    """A model needs a plugin that is not installed.

    `distribution`: named by its config.json, None where that is not a valid name. It is not
    checked, so the user is told to look at it.
    """

    def __init__(self, plugin: str, distribution: str | None, *, installed: bool = False) -> None:
        self.plugin, self.distribution = plugin, distribution
        if distribution is None:
            remedy = "which is not installed"
        elif installed:
            remedy = (
                f"which the installed {distribution} does not bring; "
                f"pip install --upgrade {distribution}"
            )
        else:
            remedy = (
                f"which the distribution {distribution} brings; "
                f"look at it, then pip install {distribution}"
            )
        super().__init__(f"needs the plugin {plugin!r}, {remedy}")


class BrokenPlugin(GanzooError):
    """An installed plugin cannot be loaded; the others are not affected.

    `kind`: what it is if not a plugin, for example "data set"."""

    def __init__(self, name: str, distribution: str, reason: str, kind: str = "plugin") -> None:
        self.name, self.distribution, self.reason = name, distribution, reason
        super().__init__(f"{kind} {name!r} of {distribution} is broken: {reason}")


class PluginClash(GanzooError):
    def __init__(self, name: str, distributions: Sequence[str], kind: str = "plugin") -> None:
        self.name, self.distributions = name, tuple(distributions)
        super().__init__(
            f"{kind} {name!r} is claimed by {' and '.join(self.distributions)}; "
            "uninstall all but one of them"
        )


class UnknownModel(UsageError):
    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name, self.known = name, tuple(known)
        self.near = near(name, self.known)
        super().__init__(
            f"no weights named {name!r}{did_you_mean(self.near)} "
            "(ganzoo list shows all; a folder begins with ./ or /)"
        )


class ConfigError(UsageError):
    """A value of a config is unknown, of the wrong type, out of range, or contradicts the data."""

    def __init__(self, where: str, problem: str) -> None:
        self.where, self.problem = where, problem
        super().__init__(f"{where}: {problem}")


class InputError(UsageError):
    """An input of `sample` is unknown or has a wrong value."""

    def __init__(self, name: str, problem: str) -> None:
        self.name, self.problem = name, problem
        super().__init__(f"input {name!r}: {problem}")


class DataError(GanzooError):
    """A data set is missing, empty, broken, or lacks what the plugin needs."""


class ManifestError(GanzooError):
    """A weights manifest or a model's config.json does not follow its schema."""

    def __init__(self, path: Path | str, problem: str) -> None:
        self.path, self.problem = Path(path), problem
        super().__init__(f"{path}: {problem}")


class WeightsError(GanzooError):
    """A weights file is not what it should be. Nothing of it was used."""

    def __init__(self, path: Path | str, problem: str) -> None:
        self.path, self.problem = Path(path), problem
        super().__init__(f"{path}: {problem}")


class HashMismatch(WeightsError):
    def __init__(
        self, path: Path | str, expected: str, actual: str, source: str = "the manifest"
    ) -> None:
        self.expected, self.actual = expected, actual
        kind = "sha256" if len(expected) == 64 else "git's hash"
        super().__init__(
            path,
            f"{kind} is {actual[:16]}..., {source} says {expected[:16]}...; "
            "the file was not loaded",
        )


class NotAvailable(GanzooError):
    """Weights are known, but cannot be downloaded from anywhere."""


class HubError(GanzooError):
    """The Hub, or the connection to it, failed."""


class Unreachable(HubError):
    """The Hub did not answer, or will later; what was pulled before stays usable."""


class OutputExists(GanzooError):
    exit_code = 2

    def __init__(
        self, path: Path | str, remedy: str = "choose another name or give --force"
    ) -> None:
        self.path = Path(path)
        super().__init__(f"{path} exists; {remedy}")


class DeviceError(UsageError):
    """The requested device or precision is not available on this machine."""


class NonFiniteLoss(GanzooError):
    """Training met NaN or infinity and stopped; the last checkpoint is older."""

    def __init__(self, phase: str, step: int, player: str, value: float) -> None:
        self.phase, self.step, self.player, self.value = phase, step, player, value
        super().__init__(
            f"the loss of player {player!r} is {value} at step {step} of phase {phase!r}; "
            "training stopped and the last checkpoint is kept. Try a smaller learning rate, "
            "--precision fp32, or a gradient clip, and resume or start anew"
        )


class Collapsed(GanzooError):
    """Training stopped because its samples collapsed (--stop-on-collapse)."""

    def __init__(self, step: int) -> None:
        self.step = step
        super().__init__(
            f"stopped at step {step:,}: the samples have collapsed. The checkpoint is kept, and "
            "--resume continues without --stop-on-collapse; it is better to start anew with a "
            "lower learning rate or another loss"
        )


class RunError(GanzooError):
    """A run folder or a target cannot be used as requested."""
