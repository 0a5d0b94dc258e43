"""The floors of docs/design.md: who may import whom, and what may stand nowhere."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganzoo import registry

ROOT = Path(__file__).resolve().parent.parent
CORE = sorted((ROOT / "ganzoo").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
HEAVY = {"torch", "torchvision", "numpy", "PIL", "huggingface_hub", "accelerate", "matplotlib", "safetensors", "pydantic"}
LIGHT = {
    f"ganzoo.{name}"
    for name in [
        "errors",
        "version",
        "config",
        "text",
        "inputs",
        "plugin",
        "registry",
        "manifest",
        "weights",
        "card",
        "hub",
        "verify",
        "data",
        "data.spec",
        "cli",
    ]
} | {"ganzoo"}
OWNERS = {
    "accelerate": ("ganzoo/train/engine.py",),
    "huggingface_hub": ("ganzoo/hub.py",),
    "typer": ("ganzoo/cli/",),
    "rich": ("ganzoo/cli/",),
    "torchvision": ("ganzoo/data/",),
    "matplotlib": ("ganzoo/plots.py",),
}
FORBIDDEN_TO_PLUGINS = ("ganzoo.train", "ganzoo.cli", "ganzoo.hub")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST, *, top_level: bool) -> Iterator[str]:
    """Imported module names; `top_level` leaves out functions and `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif (top_level and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))) or (
            top_level and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        ):
            continue
        else:
            yield from imports(node, top_level=top_level)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def is_light(name: str) -> bool:
    return name in LIGHT or name.startswith("ganzoo.cli.")


def heavy_imports(tree: ast.Module) -> set[str]:
    """What a light module must not import at module level: heavy packages, and heavy modules of ours."""
    found = set(imports(tree, top_level=True))
    ours = {module_name(path) for path in CORE}
    heavy = {name for name in found if name.split(".")[0] in HEAVY}
    return heavy | {name for name in found if name in ours and not is_light(name)}


def foreign_imports(tree: ast.Module, place: str) -> set[str]:
    """Packages whose owner is another file."""
    roots = {name.split(".")[0] for name in imports(tree, top_level=False)}
    return {root for root in roots & set(OWNERS) if not place.startswith(OWNERS[root])}


def plugin_violations(tree: ast.Module, package: str) -> set[str]:
    found = set(imports(tree, top_level=False))
    others = {name for name in found if name.startswith("ganzoo_") and name.split(".")[0] != package}
    return others | {name for name in found if name.startswith(FORBIDDEN_TO_PLUGINS)}


def dangerous(tree: ast.Module) -> set[str]:
    """assert, eval, exec, pickle and bare except."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            found.add(f"assert in line {node.lineno}")
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            found.add(f"bare except in line {node.lineno}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
            found.add(f"{node.func.id} in line {node.lineno}")
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "load_state_dict":
            strict = {k.arg: getattr(k.value, "value", True) for k in node.keywords}.get("strict", True)
            found |= set() if strict else {f"strict=False in line {node.lineno}"}
    return found | (set(imports(tree, top_level=False)) & {"pickle", "marshal", "shelve", "dill"})


def named_plugins(tree: ast.Module, names: set[str]) -> set[str]:
    """String constants of code (docstrings aside) that are a plugin's name."""
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in documentation]
    return {str(node.value) for node in constants if node.value in names}


def first_party() -> set[str]:
    return {path.name.removeprefix("ganzoo_") for path in (ROOT / "plugins").glob("ganzoo_*")}


@pytest.mark.parametrize("path", [path for path in CORE if is_light(module_name(path))], ids=module_name)
def test_light_modules_stay_light(path: Path) -> None:
    assert heavy_imports(parsed(path)) == set(), "import it inside the function that needs it"


@pytest.mark.parametrize("path", CORE + PLUGINS, ids=module_name)
def test_one_owner_for_each_outsider(path: Path) -> None:
    assert foreign_imports(parsed(path), path.relative_to(ROOT).as_posix()) == set()


@pytest.mark.parametrize("path", PLUGINS, ids=module_name)
def test_plugins_keep_to_the_public_floor(path: Path) -> None:
    assert plugin_violations(parsed(path), path.parent.name) == set()


@pytest.mark.parametrize("path", CORE + PLUGINS, ids=module_name)
def test_nothing_dangerous(path: Path) -> None:
    assert dangerous(parsed(path)) == set()


@pytest.mark.parametrize("path", CORE, ids=module_name)
def test_the_core_names_no_plugin(path: Path) -> None:
    assert first_party() == {"dcgan", "vanilla"}
    assert named_plugins(parsed(path), first_party()) == set()


def test_every_first_party_folder_is_announced() -> None:
    assert first_party() <= set(registry.names())


def test_no_text_misleads() -> None:
    """Nothing tells a user to install the foreign package, and no path of a machine is in any text."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    wrong = []
    for name in names:
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".yml", ".yaml", ".json", ".txt", ".cfg"} and path.is_file():
            text = path.read_text("utf-8")
            if re.search(r"pip install ['\"]?ganzoo(?![-\w])", text) or re.search(r"/(home|work|Users|root)/\w", text):
                wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (lambda tree: heavy_imports(tree), "import torch"),
        (lambda tree: heavy_imports(tree), "from ganzoo import sampling"),
        (lambda tree: foreign_imports(tree, "ganzoo/train/loop.py"), "def f():\n    import accelerate"),
        (lambda tree: plugin_violations(tree, "ganzoo_dcgan"), "from ganzoo_vanilla import plugin"),
        (lambda tree: plugin_violations(tree, "ganzoo_dcgan"), "from ganzoo.train.loop import Trainer"),
        (dangerous, "assert x"),
        (dangerous, "try:\n    x\nexcept:\n    pass"),
        (dangerous, "import pickle"),
        (dangerous, "exec('x')"),
        (dangerous, "m.load_state_dict(s, strict=False)"),
        (lambda tree: named_plugins(tree, {"dcgan"}), "x = 'dcgan'"),
    ],
)
def test_the_checks_catch_what_they_are_for(check, source: str) -> None:  # type: ignore[no-untyped-def]
    assert check(ast.parse(source))


def test_the_checks_let_pass_what_is_allowed() -> None:
    fine = 'from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\ndef f():\n    """dcgan"""\n    import numpy\n'
    assert heavy_imports(ast.parse(fine)) == set()
    assert named_plugins(ast.parse(fine), {"dcgan"}) == set()
