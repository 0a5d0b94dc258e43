"""The floors of docs/design.md: which module may import which, and what code may not do.

Source files are parsed, never imported, so that a broken floor fails its own test and not the collection."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = sorted((ROOT / "ganzoo").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
EXAMPLE = sorted((ROOT / "tests" / "fixtures" / "ganzoo-example").rglob("*.py"))
FIRST_PARTY = sorted(
    path.name.removeprefix("ganzoo_") for path in (ROOT / "plugins").glob("ganzoo_*")
)
HEAVY = {
    "torch",
    "torchvision",
    "numpy",
    "PIL",
    "huggingface_hub",
    "accelerate",
    "matplotlib",
    "safetensors",
    "pydantic",
}
FLOORS = (
    "errors extensions files legacy text version",
    "config inputs spec",
    "gan pictures",
    "data nn plugin colour layers pool",
    "zoo",
    "sampling",
    "evaluate photographs",
    "training",
    "release testing",
    "latent",
    "api",
    "doctor porting",
    "cli",
    "__main__",
)
"""Wings from the bottom up. An import may go down, or stay on its floor where that closes no circle."""
FLOOR = {wing: number for number, row in enumerate(FLOORS) for wing in row.split()}
LIGHT_WINGS = ("cli", "doctor", "inputs", "zoo")
LIGHT = {"ganzoo"} | {
    f"ganzoo.{name}"
    for name in (
        *(
            "config",
            "data",
            "errors",
            "evaluate",
            "extensions",
            "files",
            "legacy",
            "plugin",
            "release",
            "sampling",
            "spec",
            "text",
            "training",
            "version",
        ),
        *(
            "data.celeba",
            "data.cifar10",
            "data.files",
            "data.mnist",
            "data.named",
            "data.spec",
            "data.synthetic",
            "evaluate.groups",
            "evaluate.protocol",
            "release.verification",
            "release.upload",
            "sampling.origin",
            "sampling.shards",
            "sampling.target",
            "training.recipe",
        ),
    )
}
"""Modules that import no torch, numpy or other heavy package at module level, beside those of LIGHT_WINGS."""
HEAVY_IN_LIGHT_WINGS = {"ganzoo.doctor.speed"}
OWNERS = {
    "accelerate": ("ganzoo/training/engine.py",),
    "huggingface_hub": (
        "ganzoo/zoo/card.py",
        "ganzoo/zoo/client.py",
        "ganzoo/zoo/failure.py",
        "ganzoo/release/upload.py",
    ),
    "typer": ("ganzoo/cli/",),
    "rich": ("ganzoo/cli/",),
    "torchvision": ("ganzoo/data/",),
    "matplotlib": ("ganzoo/pictures/plots.py",),
    "torch_fidelity": ("ganzoo/evaluate/inception.py",),
    "onnx": ("ganzoo/porting/export.py",),
    "onnxruntime": ("ganzoo/porting/export.py",),
}
MODULES = (
    "colour",
    "config",
    "data.named",
    "data.spec",
    "errors",
    "gan",
    "inputs",
    "layers",
    "legacy",
    "nn",
    "plugin",
    "pool",
    "spec",
    "text",
)
PUBLIC = {f"ganzoo.{name}" for name in MODULES}
"""What a plugin may import of ganzoo."""
UNPICKLER, RESTRICTED = "ganzoo/porting/checkpoint.py", "torch.load, restricted"
"""The one file that may open a pickle, and how."""
PICKLES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imports(tree: ast.AST, *, top_level: bool) -> Iterator[str]:
    """Imported names, `a.b` and `a.b.c` for `from a.b import c`; `top_level` leaves out functions and `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not (top_level and _is_deferred(node)):
            yield from imports(node, top_level=top_level)


def _is_deferred(node: ast.AST) -> bool:
    """Whether importing the module leaves the body of this statement alone."""
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.dump(node.test)
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))


def is_light(name: str) -> bool:
    return name in LIGHT or (wing(name) in LIGHT_WINGS and name not in HEAVY_IN_LIGHT_WINGS)


def lazy_names() -> set[str]:
    """`ganzoo.load` and the like: importing one imports its home."""
    homes = next(
        n for n in ast.walk(parsed(ROOT / "ganzoo" / "__init__.py")) if isinstance(n, ast.Dict)
    )
    pairs = zip(homes.keys, homes.values, strict=True)
    return {
        f"ganzoo.{ast.literal_eval(k)}"
        for k, v in pairs
        if k and not is_light(f"ganzoo.{ast.literal_eval(v)}")
    }


def heavy_imports(tree: ast.Module) -> set[str]:
    """What a light module must not import at module level: heavy packages, and what of ours imports them."""
    found = set(imports(tree, top_level=True))
    ours = {module_name(path) for path in CORE if not is_light(module_name(path))} | lazy_names()
    return {name for name in found if name.split(".")[0] in HEAVY} | (found & ours)


def foreign_imports(tree: ast.Module, place: str) -> set[str]:
    """Packages whose owner is another file."""
    roots = {name.split(".")[0] for name in imports(tree, top_level=False)}
    return {
        f"{root}, which only {OWNERS[root][0]} may"
        for root in roots & set(OWNERS)
        if not place.startswith(OWNERS[root])
    }


def plugin_violations(tree: ast.Module, package: str) -> set[str]:
    """Other plugins, and modules of ganzoo that are not public."""
    found = set(imports(tree, top_level=False))
    core = {module_name(path) for path in CORE} - {"ganzoo", "ganzoo.data"}
    others = {
        name for name in found if name.startswith("ganzoo_") and name.split(".")[0] != package
    }
    return others | (found & (core - PUBLIC)) | (found & lazy_names())


def plugins_in_core(tree: ast.Module, names: list[str]) -> set[str]:
    """Plugins that a module of the core imports, or names in a string that is no docstring."""
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and id(node) not in documentation
    ]
    imported = {name for name in imports(tree, top_level=False) if name.startswith("ganzoo_")}
    return imported | {repr(node.value) for node in constants if node.value in names}


def dangerous(tree: ast.Module) -> set[str]:
    """assert, eval, exec, pickle in any dress, lenient loading, bare except; relative imports, which hide from this file."""
    found = {f"import of {name}" for name in set(imports(tree, top_level=False)) & PICKLES}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            found.add(f"assert in line {node.lineno}")
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            found.add(f"bare except in line {node.lineno}")
        if isinstance(node, ast.ImportFrom) and node.level:
            found.add(f"relative import in line {node.lineno}")
        if isinstance(node, ast.Call) and (fault := _dangerous_call(node)):
            found.add(f"{fault} in line {node.lineno}")
    return found


def _dangerous_call(call: ast.Call) -> str | None:
    name = ast.unparse(call.func)
    options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if (
        name == "torch.load"
        and options.get("weights_only") == "True"
        and "pickle_module" not in options
    ):
        return RESTRICTED
    if name in ("eval", "exec", "__import__", "torch.load", "torch.save"):
        return name
    if name.endswith("load_state_dict") and (
        options.get("strict", "True") != "True" or len(call.args) > 1
    ):
        return "load_state_dict that is not strict"
    return "allow_pickle" if options.get("allow_pickle", "False") != "False" else None


def wing(name: str) -> str:
    """`zoo` of `ganzoo.zoo.manifest`; `ganzoo` itself, whose names are resolved when first used, stands above all."""
    return name.split(".")[1] if "." in name else name


def arrows(tree: ast.AST, name: str, modules: Collection[str]) -> set[str]:
    """Modules of the core that the module `name` imports anywhere: at the top, inside functions, for type checking."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (names & set(modules)) or {node.module}
    return (found & set(modules)) - {name}


def arrows_up(tree: ast.AST, name: str, modules: Collection[str]) -> set[str]:
    """What a module imports from a floor above its own."""
    if name == "ganzoo":
        return set()
    here = FLOOR[wing(name)]
    return {
        other for other in arrows(tree, name, modules) if FLOOR.get(wing(other), len(FLOORS)) > here
    }


def circles(graph: Mapping[str, Collection[str]]) -> list[set[str]]:
    """Groups of nodes each of which can be reached from all others of its group."""
    reach = {node: set(others) for node, others in graph.items()}
    for middle in graph:
        for others in reach.values():
            if middle in others:
                others |= reach[middle]
    groups = {frozenset(b for b in reach if b in reach[a] and a in reach[b]) for a in reach}
    return [set(group) for group in groups if group]


def graph_of_files() -> dict[str, set[str]]:
    trees = {module_name(path): parsed(path) for path in CORE}
    return {name: arrows(tree, name, trees) for name, tree in trees.items()}


def graph_of_wings(files: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, others in files.items():
        found.setdefault(wing(name), set()).update({wing(other) for other in others} - {wing(name)})
    return found


@pytest.mark.parametrize("path", CORE, ids=module_name)
def test_arrows_point_down(path: Path) -> None:
    modules = {module_name(other) for other in CORE}
    found = arrows_up(parsed(path), module_name(path), modules)
    assert not found, f"{place(path)} imports {sorted(found)} from a floor above its own"


def test_every_wing_has_a_floor() -> None:
    assert {wing(module_name(path)) for path in CORE} - {"ganzoo"} == set(FLOOR)


def test_no_circles() -> None:
    files = graph_of_files()
    assert circles(files) == []
    assert circles(graph_of_wings(files)) == []


@pytest.mark.parametrize(
    "source",
    [
        "from ganzoo.cli import output",
        "def f():\n    from ganzoo.training import loop",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ganzoo.training.loop import Trainer",
        "import ganzoo.cli.output",
        "from ganzoo import load",
    ],
)
def test_a_planted_arrow_up_is_found(source: str) -> None:
    modules = {module_name(path) for path in CORE}
    assert arrows_up(ast.parse(source), "ganzoo.config", modules)
    assert arrows_up(ast.parse(source), "ganzoo.sampling.model", modules)


def test_a_planted_circle_is_found() -> None:
    files = graph_of_files()
    files["ganzoo.files"] = files["ganzoo.files"] | {"ganzoo.text"}
    files["ganzoo.text"] = files["ganzoo.text"] | {"ganzoo.files"}
    assert {"ganzoo.files", "ganzoo.text"} in circles(files)


@pytest.mark.parametrize(
    "path", [path for path in CORE if is_light(module_name(path))], ids=module_name
)
def test_light_modules_stay_light(path: Path) -> None:
    found = heavy_imports(parsed(path))
    assert not found, (
        f"{place(path)} is light and imports {sorted(found)}: import it inside the function that needs it"
    )


@pytest.mark.parametrize("path", CORE + PLUGINS, ids=module_name)
def test_one_owner_for_each_outsider(path: Path) -> None:
    found = foreign_imports(parsed(path), place(path))
    assert not found, f"{place(path)} imports {sorted(found)}"


@pytest.mark.parametrize("path", PLUGINS + EXAMPLE, ids=module_name)
def test_plugins_keep_to_the_public_floor(path: Path) -> None:
    found = plugin_violations(parsed(path), path.parent.name)
    assert not found, (
        f"{place(path)} imports {sorted(found)}; a plugin may import of ganzoo: {sorted(PUBLIC)}"
    )


@pytest.mark.parametrize("path", CORE, ids=module_name)
def test_the_core_names_no_plugin(path: Path) -> None:
    found = plugins_in_core(parsed(path), FIRST_PARTY)
    assert not found, f"{place(path)} knows {sorted(found)}: ask the registry or the manifest"


@pytest.mark.parametrize("path", CORE + PLUGINS, ids=module_name)
def test_nothing_dangerous(path: Path) -> None:
    found = dangerous(parsed(path))
    restricted = {fault for fault in found if fault.startswith(RESTRICTED)}
    if place(path) == UNPICKLER:
        assert len(restricted) == 1, "one call, so that there is no second way in"
        found -= restricted
    assert not found, f"{place(path)}: {sorted(found)}"


def test_every_first_party_folder_is_announced_and_of_one_shape() -> None:
    announced = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
        "entry-points"
    ]["ganzoo.plugins"]
    assert announced == {name: f"ganzoo_{name}:plugin" for name in FIRST_PARTY}
    for name in FIRST_PARTY:
        files = {path.name for path in (ROOT / "plugins" / f"ganzoo_{name}").glob("*.py")}
        assert files - {"legacy.py"} == {"__init__.py", "networks.py", "model.py"}, (
            f"plugins/ganzoo_{name} is not like the others"
        )


def test_there_is_something_to_check() -> None:
    assert len(CORE) > 30
    assert FIRST_PARTY
    assert {"ganzoo.load", "ganzoo.train", "ganzoo.GAN"} <= lazy_names()
    assert {module_name(path) for path in CORE} >= LIGHT | PUBLIC


def in_dcgan(tree: ast.Module) -> set[str]:
    return plugin_violations(tree, "ganzoo_dcgan")


def in_the_loop(tree: ast.Module) -> set[str]:
    return foreign_imports(tree, "ganzoo/training/loop.py")


def in_core(tree: ast.Module) -> set[str]:
    return plugins_in_core(tree, ["dcgan"])


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (heavy_imports, "import torch"),
        (heavy_imports, "from torch.nn import functional"),
        (heavy_imports, "try:\n    import numpy\nexcept ImportError:\n    pass"),
        (heavy_imports, "class A:\n    import PIL"),
        (heavy_imports, "from ganzoo.sampling import samples"),
        (heavy_imports, "from ganzoo import load"),
        (heavy_imports, "from ganzoo.training.loop import Trainer"),
        (in_the_loop, "def f():\n    import accelerate"),
        (in_the_loop, "from rich.table import Table"),
        (in_dcgan, "from ganzoo_vanilla import plugin"),
        (in_dcgan, "from ganzoo.training.loop import Trainer"),
        (in_dcgan, "from ganzoo.zoo import pull"),
        (in_dcgan, "from ganzoo import load"),
        (in_dcgan, "import ganzoo.cli.app"),
        (in_dcgan, "def f():\n    from ganzoo.sampling.samples import Samples"),
        (in_core, "x = 'dcgan'"),
        (in_core, "match x:\n    case 'dcgan':\n        pass"),
        (in_core, "def f():\n    from ganzoo_dcgan import plugin"),
        (dangerous, "assert x"),
        (dangerous, "try:\n    x\nexcept:\n    pass"),
        (dangerous, "import pickle"),
        (dangerous, "def f():\n    from joblib import load"),
        (dangerous, "exec('x')"),
        (dangerous, "torch.load(path, weights_only=True)"),
        (dangerous, "np.load(path, allow_pickle=True)"),
        (dangerous, "m.load_state_dict(s, strict=False)"),
        (dangerous, "m.load_state_dict(s, False)"),
        (dangerous, "from .gan import GAN"),
        (dangerous, "from . import gan"),
    ],
)
def test_the_checks_catch_what_they_are_for(
    check: Callable[[ast.Module], set[str]], source: str
) -> None:
    assert check(ast.parse(source))


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (heavy_imports, "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"),
        (heavy_imports, "def f():\n    import numpy"),
        (heavy_imports, "from ganzoo.zoo import manifest, registry"),
        (in_the_loop, "from ganzoo.training import engine"),
        (
            in_dcgan,
            "from ganzoo_dcgan.networks import Generator\nfrom ganzoo.data.spec import Picture\nfrom torch import nn",
        ),
        (in_core, 'def f():\n    """dcgan"""'),
        (
            dangerous,
            "m.load_state_dict(s, strict=True)\nnp.load(path, allow_pickle=False)\njson.load(file)\nmodel.eval()",
        ),
    ],
)
def test_the_checks_let_pass_what_is_allowed(
    check: Callable[[ast.Module], set[str]], source: str
) -> None:
    assert check(ast.parse(source)) == set()
