"""The weights manifest: every published model with its hashes, origin and terms. Light: no torch, no numpy."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ganzoo.errors import GanzooError, ManifestError, UnknownModel, UsageError
from ganzoo.files import Record, decode_json
from ganzoo.zoo import registry

FORMAT = 1
NAME = r"^[a-z0-9][a-z0-9_]*(-[a-z0-9_.]+)+$"
"""`<plugin>-<tag>`, or `<preset>-<tag>`."""

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


FileName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""Of a file in a model's folder: no path, nothing hidden."""
REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$"


def may_be_called(name: str, plugin: str) -> bool:
    """Whether weights of a plugin may have this name: <plugin>-<tag>, or <preset>-<tag>, for presets are often known by names
    of their own. Raises UnknownPlugin where no such plugin is installed."""
    stem, dash, tag = name.partition("-")
    return bool(dash and tag) and stem in (plugin, *registry.get(plugin).presets)


class File(Record, frozen=True, kw_only=True):
    sha256: Sha256
    bytes: Annotated[int, msgspec.Meta(ge=0)]


class DataSet(Record, frozen=True, kw_only=True):
    """What a model was trained on. `digest`: sha256 over the set's files, as `ganzoo train` records it."""

    name: str
    count: int
    digest: str
    licence: str
    source: str = ""


class Training(Record, frozen=True, kw_only=True):
    """How a model was made; `command` repeats it."""

    command: str
    seed: int
    steps: int
    batch: int
    precision: str
    machine: str
    minutes: float
    date: str
    version: str
    torch: str


class Metric(Record, frozen=True, kw_only=True):
    """A measured figure. `protocol`: what was counted, on how many, by what; `command`: what repeats it."""

    name: str
    value: float | str
    protocol: str
    command: str


class Parent(Record, frozen=True, kw_only=True):
    """The model that a fine-tuning began from. `name`: as it was asked for, never a path; `repository`, `revision`: where it
    lay on the Hub, if it came from there; `sha256`: of its model.safetensors."""

    name: str
    repository: str | None = None
    revision: str | None = None
    sha256: Sha256


class Golden(Record, frozen=True, kw_only=True):
    """Rows that the file `golden.npz` holds as they must come out: seed, number, further inputs as text."""

    seed: int
    n: int
    inputs: dict[str, str] = {}


class Entry(Record, frozen=True, kw_only=True):
    """One model. `revision`: the commit it is pinned to on the Hub; null until it is published. `data`, `training`: null where
    the model was not trained by ganzoo. `files`: names in one folder, no paths. `examples`: sentences that the model draws well,
    where it draws for sentences."""

    plugin: str
    distribution: str
    summary: str
    repository: Annotated[str, msgspec.Meta(pattern=REPOSITORY)]
    revision: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40}$")] | None
    files: dict[FileName, File]
    config: dict[str, Any]
    data: DataSet | None = None
    licence: str
    parameters: dict[str, int]
    training: Training | None = None
    golden: Golden
    metrics: list[Metric] = []
    notes: str = ""
    examples: list[str] = []
    parent: Parent | None = None


class Manifest(Record, frozen=True, kw_only=True):
    """`owner`: the Hub account of repositories that name none; `default`: what `ganzoo sample` takes without a name."""

    format: Annotated[int, msgspec.Meta(ge=FORMAT, le=FORMAT)]
    owner: str
    default: str | None = None
    models: dict[Annotated[str, msgspec.Meta(pattern=NAME)], Entry]


def home() -> Path:
    """The folder of weights_manifest.json and weights/: the checkout if this is one, else the installed package.

    The checkout comes first because an editable install leaves a second, stale copy in site-packages."""
    package = Path(__file__).resolve().parent.parent
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "weights_manifest.json").is_file():
        return checkout
    return package


def read(text: bytes, where: str, *, own: bool = False) -> Manifest:
    """A manifest from JSON; ManifestError naming `where` and the key when it breaks the schema. `own`: it came with ganzoo, and
    is not searched for keys that stand twice, for which another parser has to be imported."""
    try:
        return msgspec.json.decode(text, type=Manifest) if own else decode_json(text, Manifest)
    except msgspec.DecodeError as error:
        raise ManifestError(where, str(error)) from None


@cache
def official() -> Manifest:
    """The project's own manifest."""
    path = home() / "weights_manifest.json"
    try:
        return read(path.read_bytes(), str(path), own=True)
    except OSError as error:
        raise ManifestError(
            path, f"cannot be read ({error.strerror}); reinstall ganzoo-torch"
        ) from None


def chosen(name: str | None) -> str:
    """The model that is asked for, or the default one. UsageError where there is neither."""
    found = name or official().default
    if found is None:
        raise UsageError("the manifest has no default model; name one (ganzoo list)")
    return found


def models(pattern: str = "*") -> dict[str, Entry]:
    """Entries whose name matches a wildcard, sorted: the project's and those of third-party plugins."""
    found = dict(official().models)
    for name in registry.names():
        for model, entry in _of_plugin(name).items():
            found.setdefault(model, entry)
    return {name: found[name] for name in sorted(found) if fnmatchcase(name, pattern)}


def of_plugin(name: str) -> dict[str, Entry]:
    """Entries of one plugin; no other plugin is loaded."""
    found = {**official().models, **_of_plugin(name)}
    return {model: found[model] for model in sorted(found) if found[model].plugin == name}


def entry(name: str) -> Entry:
    """The entry called `name`, or UnknownModel with near names."""
    if name in official().models:
        return official().models[name]
    found = models()
    if name not in found:
        raise UnknownModel(name, found)
    return found[name]


def bundled(name: str) -> Path:
    """The folder where the files of a known model lie if they came with the package; it need not exist."""
    if name in official().models:
        return home() / "weights" / name
    resource = registry.get(entry(name).plugin).manifest
    if resource is None:
        return home() / "weights" / name
    return Path(str(resource)).parent / "weights" / name


def schema() -> dict[str, Any]:
    """JSON schema of a manifest."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **msgspec.json.schema(Manifest),
    }


def _of_plugin(name: str) -> dict[str, Entry]:
    try:
        resource = registry.get(name).manifest
    except GanzooError:  # a broken plugin is shown as such by `list`; its weights are not
        return {}
    return (
        read(resource.read_bytes(), f"manifest of plugin {name!r}").models
        if resource is not None
        else {}
    )
