"""The weights manifest: all published models with hashes, training record and licence.

Imports no torch or numpy.
"""

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
MODEL_NAME = r"^[a-z0-9][a-z0-9_]*(-[a-z0-9_.]+)+$"
"""`<plugin>-<tag>` or `<preset>-<tag>`."""
REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$"

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""A file in a model's folder: no path, not hidden."""


class File(Record, frozen=True, kw_only=True):
    sha256: Sha256
    bytes: Annotated[int, msgspec.Meta(ge=0)]


class TrainingData(Record, frozen=True, kw_only=True):
    """The data set of a training run. `digest`: sha256 over all files, as a run records it."""

    name: str
    count: int
    digest: str
    licence: str
    source: str = ""


class Training(Record, frozen=True, kw_only=True):
    """A training run; `command` repeats it."""

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
    """A measured value. `protocol`: numbers of samples and examples, extractor, interval;
    `command`: repeats the measurement."""

    name: str
    value: float | str
    protocol: str
    command: str


class Parent(Record, frozen=True, kw_only=True):
    """The model that fine-tuning started from.

    `name`: as the user gave it, never a path; `repository`, `revision`: its origin on the Hub, if
    any; `sha256`: of its model.safetensors."""

    name: str
    repository: str | None = None
    revision: str | None = None
    sha256: Sha256


class Golden(Record, frozen=True, kw_only=True):
    """How the samples in `golden.npz` are generated: seed, number, and inputs as text."""

    seed: int
    n: int
    inputs: dict[str, str] = {}


class ModelEntry(Record, frozen=True, kw_only=True):
    """One model.

    `revision`: pinned commit on the Hub, null until published; `data`, `training`: null if ganzoo
    did not train the model; `examples`: prompts for which a text-to-image model works well."""

    plugin: str
    distribution: str
    summary: str
    repository: Annotated[str, msgspec.Meta(pattern=REPOSITORY)]
    revision: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40}$")] | None
    files: dict[FileName, File]
    config: dict[str, Any]
    data: TrainingData | None = None
    licence: str
    parameters: dict[str, int]
    training: Training | None = None
    golden: Golden
    metrics: list[Metric] = []
    notes: str = ""
    examples: list[str] = []
    parent: Parent | None = None


class Manifest(Record, frozen=True, kw_only=True):
    """`owner`: Hub account of the official models; `default`: model that `ganzoo sample` uses."""

    format: Annotated[int, msgspec.Meta(ge=FORMAT, le=FORMAT)]
    owner: str
    default: str | None = None
    models: dict[Annotated[str, msgspec.Meta(pattern=MODEL_NAME)], ModelEntry]


def may_be_called(name: str, plugin: str) -> bool:
    """Whether `name` is `<plugin>-<tag>` or `<preset>-<tag>`. Raises UnknownPlugin."""
    stem, dash, tag = name.partition("-")
    return bool(dash and tag) and stem in (plugin, *registry.get(plugin).presets)


def home_folder() -> Path:
    """Folder of weights_manifest.json and weights/: the checkout, or else the installed package.

    The checkout comes first because an editable install leaves a stale copy in site-packages."""
    package = Path(__file__).resolve().parent.parent
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "weights_manifest.json").is_file():
        return checkout
    return package


def parse_manifest(text: bytes, where: str, *, trusted: bool = False) -> Manifest:
    """A manifest from JSON; ManifestError names `where` and the key that breaks the schema.

    `trusted`: skip the check for duplicate keys, which imports json."""
    try:
        if trusted:
            return msgspec.json.decode(text, type=Manifest)
        return decode_json(text, Manifest)
    except msgspec.DecodeError as error:
        raise ManifestError(where, str(error)) from None


@cache
def load_official() -> Manifest:
    """The manifest of ganzoo itself."""
    path = home_folder() / "weights_manifest.json"
    try:
        return parse_manifest(path.read_bytes(), str(path), trusted=True)
    except OSError as error:
        raise ManifestError(
            path, f"cannot be read ({error.strerror}); reinstall ganzoo-torch"
        ) from None


def choose_model(name: str | None) -> str:
    """`name`, or else the default model. Raises UsageError if there is neither."""
    chosen = name or load_official().default
    if chosen is None:
        raise UsageError("the manifest has no default model; name one (ganzoo list)")
    return chosen


def list_models(pattern: str = "*") -> dict[str, ModelEntry]:
    """Models of ganzoo and of third-party plugins whose name matches a wildcard, sorted."""
    found = dict(load_official().models)
    for plugin in registry.list_names():
        for name, entry in _third_party(plugin).items():
            found.setdefault(name, entry)
    return {name: found[name] for name in sorted(found) if fnmatchcase(name, pattern)}


def list_models_of(plugin: str) -> dict[str, ModelEntry]:
    """Models of one plugin, sorted; other plugins are not loaded."""
    found = {**load_official().models, **_third_party(plugin)}
    return {name: found[name] for name in sorted(found) if found[name].plugin == plugin}


def get_entry(name: str) -> ModelEntry:
    """The model called `name`, or UnknownModel with similar names."""
    official = load_official().models
    if name in official:
        return official[name]
    found = list_models()
    if name not in found:
        raise UnknownModel(name, found)
    return found[name]


def bundle_folder(name: str) -> Path:
    """Folder of a model's files if they are part of a package; it may not exist."""
    if name in load_official().models:
        return home_folder() / "weights" / name
    resource = registry.get(get_entry(name).plugin).manifest
    if resource is None:
        return home_folder() / "weights" / name
    return Path(str(resource)).parent / "weights" / name


def build_schema() -> dict[str, Any]:
    """JSON schema of a manifest."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **msgspec.json.schema(Manifest),
    }


def _third_party(plugin: str) -> dict[str, ModelEntry]:
    """Models in a plugin's own manifest; none if the plugin is broken, which `list` reports."""
    try:
        resource = registry.get(plugin).manifest
    except GanzooError:
        return {}
    if resource is None:
        return {}
    return parse_manifest(resource.read_bytes(), f"manifest of plugin {plugin!r}").models
