"""Finding plugins: real distributions in real folders, real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganzoo import extensions
from ganzoo.errors import BrokenPlugin, PluginClash, UnknownPlugin
from ganzoo.zoo import registry

TINY = ["tiny_class", "tiny_codes", "tiny_curve", "tiny_text", "tiny_unpaired", "tiny_vae"]
GOOD = "from dataclasses import replace\nimport tiny_vae\nplugin = replace(tiny_vae.plugin, name={name!r})\n"


def install(site: Path, distribution: str, **plugins: str) -> None:
    """A distribution whose entry points `name` lead to a module `<distribution>_<name>` with the given source."""
    folder = site / f"{distribution}-1.2.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    lines = [f"{name} = {distribution}_{name}:plugin\n" for name in plugins]
    (folder / "entry_points.txt").write_text("[ganzoo.plugins]\n" + "".join(lines))
    for name, source in plugins.items():
        (site / f"{distribution}_{name}.py").write_text(source)


def python(program: str, *paths: Path, **environment: str) -> str:
    """What a fresh process prints."""
    search = os.pathsep.join([*map(str, paths), os.environ["PYTHONPATH"]])
    variables = {**os.environ, "PYTHONPATH": search, **environment}
    return subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_the_tiny_plugins_are_found_like_any_other() -> None:
    assert set(TINY) <= set(registry.list_names())
    assert registry.list_names() == sorted(registry.list_names())
    assert registry.get_distribution("tiny_vae") == ("ganzoo-tiny", "0.1")
    assert registry.get("tiny_vae").name == "tiny_vae"


def test_names_load_nothing(tmp_path: Path) -> None:
    install(tmp_path, "loud", loud="raise SystemExit('imported')")
    program = (
        "import sys; from ganzoo.zoo import registry; names = registry.list_names()\n"
        "print('loud' in names, [m for m in ('loud_loud', 'tiny_vae', 'ganzoo_dcgan', 'torch', 'numpy') if m in sys.modules])"
    )
    assert python(program, tmp_path) == "True []\n"


def test_each_plugin_breaks_alone(site: Path) -> None:
    install(
        site,
        "mixed",
        fine=GOOD.format(name="fine"),
        missing="import no_such_module",
        crash="1 / 0",
        odd="plugin = 3",
        misnamed=GOOD.format(name="other"),
        empty="",
    )
    assert registry.get("fine").name == "fine"
    for name, words in {
        "missing": "plugin 'missing' of mixed is broken: ModuleNotFoundError: No module named 'no_such_module'",
        "crash": "ZeroDivisionError: division by zero",
        "odd": "mixed_odd:plugin is a int, not a ganzoo.plugin.Plugin",
        "misnamed": "its record is named 'other'",
        "empty": "AttributeError",
    }.items():
        with pytest.raises(BrokenPlugin) as caught:
            registry.get(name)
        assert words in str(caught.value)
        assert (caught.value.name, caught.value.distribution) == (name, "mixed")
    assert registry.get("fine").name == "fine"


def test_two_distributions_that_claim_one_name(site: Path) -> None:
    install(site, "first", contested=GOOD.format(name="contested"))
    install(site, "second", contested=GOOD.format(name="contested"))
    assert registry.list_names().count("contested") == 1
    with pytest.raises(PluginClash, match="'contested' is claimed by first and second; uninstall"):
        registry.get("contested")
    assert registry.get("tiny_vae").name == "tiny_vae"


def test_one_distribution_announced_twice_is_no_clash(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "double", twice=GOOD.format(name="twice"))
    copy = site / "copy"
    install(copy, "double", twice="raise ImportError('the second copy')")
    monkeypatch.setattr(sys, "path", [str(site), str(copy), *sys.path])
    assert registry.get("twice").name == "twice"


def test_unknown_names_get_near_ones() -> None:
    with pytest.raises(UnknownPlugin) as caught:
        registry.get("tiny_clas")
    assert "no plugin 'tiny_clas'; did you mean tiny_class" in str(caught.value)
    assert caught.value.near[0] == "tiny_class"
    with pytest.raises(UnknownPlugin) as caught:
        registry.get_distribution("zzzzzz")
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("tiny_vae", "['tiny_vae']"),
        (" tiny_vae, nobody ,tiny_text", "['tiny_text', 'tiny_vae']"),
        ("", "[]"),
    ],
)
def test_the_variable_chooses(wanted: str, found: str) -> None:
    assert (
        python(
            "from ganzoo.zoo import registry; print(registry.list_names())", GANZOO_PLUGINS=wanted
        )
        == found + "\n"
    )


def test_the_variable_hides_plugins_from_get(monkeypatch: pytest.MonkeyPatch) -> None:
    registry.get("tiny_vae")
    monkeypatch.setenv("GANZOO_PLUGINS", "tiny_text")
    with pytest.raises(UnknownPlugin):
        registry.get("tiny_vae")
    assert registry.get("tiny_text").name == "tiny_text"


class Shelf:
    """What a third-party group of entry points could announce."""


def test_any_group_of_entry_points_is_found_and_checked(site: Path) -> None:
    install(site, "shelves", good="import test_registry as t\nplugin = t.Shelf()", odd="plugin = 3")
    announced = site / "shelves-1.2.dist-info" / "entry_points.txt"
    announced.write_text(announced.read_text().replace("ganzoo.plugins", "ganzoo.shelves"))
    sys.modules["test_registry"] = sys.modules[__name__]
    points = extensions.find("ganzoo.shelves")
    assert sorted(points) == ["good", "odd"]
    assert isinstance(extensions.load(points["good"], Shelf), Shelf)
    with pytest.raises(BrokenPlugin, match=r"shelves_odd:plugin is a int, not a .*Shelf"):
        extensions.load(points["odd"], Shelf)
    assert extensions.find("ganzoo.nothing") == {}
