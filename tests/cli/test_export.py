"""`ganzoo export`: the program gives the model's samples by itself, or is not kept."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ganzoo as zoo
from ganzoo.errors import GanzooError
from ganzoo.inputs import Rows
from ganzoo.porting import export
from ganzoo.sampling import generation
from ganzoo.sampling.model import Model
from ganzoo.zoo import manifest, weights
from tests.cli.conftest import Call, Site

onnxruntime = pytest.importorskip("onnxruntime")
TINY = ["tiny_class", "tiny_text", "tiny_unpaired", "tiny_codes", "tiny_curve", "tiny_vae"]
PLUGIN = """
from dataclasses import replace
from random import random
import tiny_class

def build(config):
    from tiny_class.model import TinyClass

    class Own(TinyClass):
        def sample(self, inputs):
            {body}

    return Own(config)

plugin = replace(tiny_class.plugin, name="shapes", build=build)
"""


def wanted(model: Model, rows: Rows) -> tuple[dict[str, np.ndarray], dict[str, torch.Tensor]]:
    """Inputs of these rows, and what the model makes of them the way `ganzoo sample` runs it."""
    inputs = {name: spec.example(name, rows) for name, spec in model.inputs.items()}
    made = next(generation.generate_batches(model.fast, [inputs], model.device, "fp32"))
    return {name: tensor.numpy() for name, tensor in inputs.items()}, made


def run_onnx(path: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert {place.name for place in session.get_inputs()} == set(inputs)
    assert {place.shape[0] for place in [*session.get_inputs(), *session.get_outputs()]} == {
        "batch"
    }
    return dict(zip(names, session.run(names, inputs), strict=True))


def run_torch(path: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    made = torch.export.load(path).module()(
        {name: torch.from_numpy(array) for name, array in inputs.items()}
    )
    return {name: tensor.detach().numpy() for name, tensor in made.items()}


def prove(folder: str, path: str) -> None:
    """The file gives the model's samples for rows that nobody has shown it."""
    model = zoo.load(folder, device="cpu", precision="fp32")
    for rows in (Rows(77, 1), Rows(88, 4)):
        inputs, made = wanted(model, rows)
        got = (run_onnx if path.endswith(".onnx") else run_torch)(path, inputs)
        assert set(got) == set(made)
        for name, tensor in made.items():
            assert float(np.abs(got[name] - tensor.numpy()).max()) <= export.TOLERANCE
            assert tensor.std() > 1e-3


@pytest.mark.parametrize("name", ["dcgan-mnist", "vanilla-mnist"])
@pytest.mark.parametrize(("kind", "path"), [("onnx", "x.onnx"), ("torch-export", "x.pt2")])
def test_published_models(ganzoo: Call, name: str, kind: str, path: str) -> None:
    done = ganzoo("export", name, "--format", kind, "-o", path)
    assert done.stdout == f"{path}\n"
    assert "inputs latent; outputs sample" in done.stderr
    assert "0.0001 is allowed" in done.stderr
    prove(name, path)


@pytest.mark.parametrize("plugin", TINY)
def test_every_kind_of_input_and_view(ganzoo: Call, model: Any, plugin: str) -> None:
    folder = str(model(plugin))
    for kind, path in (("onnx", "x.onnx"), ("torch-export", "x.pt2")):
        ganzoo("export", folder, "--format", kind, "-o", path)
        prove(folder, path)


@pytest.mark.parametrize(("plugin", "directions"), [("tiny_unpaired", [0, 1]), ("siamese", [0, 0])])
def test_pictures_of_any_size(ganzoo: Call, model: Any, plugin: str, directions: list[int]) -> None:
    folder = model(plugin)
    loaded = zoo.load(folder, device="cpu", precision="fp32")
    inputs = {"image": torch.rand(2, 3, 24, 40) * 2 - 1, "direction": torch.tensor(directions)}
    made = next(generation.generate_batches(loaded.fast, [inputs], loaded.device, "fp32"))
    for kind, path, run in (("onnx", "x.onnx", run_onnx), ("torch-export", "x.pt2", run_torch)):
        ganzoo("export", folder, "--format", kind, "-o", path)
        got = run(path, {name: tensor.numpy() for name, tensor in inputs.items()})
        assert float(np.abs(got["sample"] - made["sample"].numpy()).max()) <= export.TOLERANCE


def test_what_the_file_says_of_itself_and_what_not(ganzoo: Call) -> None:
    root, home = str(Path(__file__).resolve().parents[2]), os.path.expanduser("~")
    facts = {
        "plugin": "vanilla", "ganzoo": zoo.__version__,
        "weights_sha256": manifest.get_entry("vanilla-mnist").files[weights.MODEL].sha256,
    }  # fmt: skip
    done = ganzoo("export", "vanilla-mnist", "--format", "onnx", "-o", "x.onnx", "--json")
    told = json.loads(done.stdout)
    assert (told["inputs"], told["outputs"], told["path"]) == (["latent"], ["sample"], "x.onnx")
    assert 0 < told["difference"] < told["allowed"] == export.TOLERANCE
    found = (
        onnxruntime.InferenceSession("x.onnx", providers=["CPUExecutionProvider"])
        .get_modelmeta()
        .custom_metadata_map
    )
    assert found == facts
    ganzoo("export", "vanilla-mnist", "--format", "torch-export", "-o", "x.pt2")
    with zipfile.ZipFile("x.pt2") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert (
        json.loads(next(data for name, data in parts.items() if name.endswith("ganzoo.json")))
        == facts
    )
    assert not [
        name for name, data in parts.items() if data.startswith(b"PK") or data[:2] == b"\x80\x02"
    ], "a pickle"
    assert not [name for name in parts if "discriminator" in name]
    for data in (Path("x.onnx").read_bytes(), *parts.values()):
        for word in (
            root,
            home,
            sys.prefix,
            "site-packages",
            "stack_trace",
            "networks.py",
            "discriminator",
        ):
            assert word.encode() not in data


def stranger(site: Site, body: str) -> str:
    site.module.write_text(PLUGIN.format(body=body))
    return str(site.publish("shapes-own"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "return super().sample(inputs) * random()",
            "x{} was not kept: output 'sample' of the program differs from the model's",
        ),
        ("return super().sample(inputs) + 9 * (len(inputs['latent']) == 1)", "cannot be exported"),
        (
            "made = super().sample(inputs); return made if inputs['latent'].sum() > 0 else -made",
            "cannot be exported",
        ),
    ],
    ids=["a number of its own", "another for one row", "a branch"],
)
@pytest.mark.parametrize(("kind", "extension"), [("onnx", ".onnx"), ("torch-export", ".pt2")])
def test_a_program_that_is_not_the_model_is_refused(
    ganzoo: Call, site: Site, body: str, words: str, kind: str, extension: str
) -> None:
    folder = stranger(site, body)
    path = Path(f"x{extension}")
    path.write_text("older")
    error = ganzoo("export", folder, "--format", kind, "-o", path, "--force", code=1).stderr
    assert words.format(extension) in error
    assert error.count("\n") == 1
    assert path.read_text() == "older"
    assert [entry.name for entry in Path().iterdir()] == [path.name]


def test_a_file_of_other_weights_is_told_apart(ganzoo: Call) -> None:
    ganzoo("export", "vanilla-mnist", "--format", "onnx", "-o", "x.onnx")
    model, other = (zoo.load("vanilla-mnist", device="cpu", precision="fp32") for _ in range(2))
    assert export.verify_program(model, Path("x.onnx"), "onnx", Path("x.onnx")).difference < 1e-5
    with torch.no_grad():
        next(other.gan.get_submodule("generator").parameters())[0] += 0.1
    with pytest.raises(GanzooError, match="differs from the model's by"):
        export.verify_program(other, Path("x.onnx"), "onnx", Path("x.onnx"))


def test_requests_that_are_wrong(ganzoo: Call) -> None:
    words = ["export", "vanilla-mnist", "--format"]
    assert (
        "--format onx: no such format; did you mean onnx?"
        in ganzoo(*words, "onx", "-o", "x.onnx", code=2).stderr
    )
    assert "a file for onnx ends in .onnx" in ganzoo(*words, "onnx", "-o", "x.pt2", code=2).stderr
    assert (
        "a file for torch-export ends in .pt2"
        in ganzoo(*words, "torch-export", "-o", "x.onnx", code=2).stderr
    )
    assert (
        "did you mean vanilla-mnist"
        in ganzoo("export", "vanila-mnist", "--format", "onnx", "-o", "x.onnx", code=2).stderr
    )
    Path("there.onnx").write_text("x")
    assert (
        "there.onnx exists; choose another name or give --force"
        in ganzoo(*words, "onnx", "-o", "there.onnx", code=2).stderr
    )
    Path("folder.onnx").mkdir()
    assert "folder.onnx is a folder" in ganzoo(*words, "onnx", "-o", "folder.onnx", code=2).stderr
    error = ganzoo(*words, "torch-export", "-o", "there.onnx/x.pt2", code=1).stderr
    assert error.startswith("ganzoo: there.onnx/x.pt2 cannot be written")
    assert error.count("\n") == 1


def test_without_the_extra(ganzoo: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        sys.modules, "onnxruntime", None
    )  # what an import of a missing package leads to
    error = ganzoo("export", "vanilla-mnist", "--format", "onnx", "-o", "x.onnx", code=1).stderr
    assert error == 'ganzoo: --format onnx needs onnxruntime: pip install "ganzoo-torch[export]"\n'
    ganzoo("export", "vanilla-mnist", "--format", "torch-export", "-o", "x.pt2")
