"""Models of strangers: a folder may lie in every file of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import ganzoo
from ganzoo import files
from ganzoo.errors import MissingPlugin, WeightsError
from ganzoo.sampling.assembly import model_config
from ganzoo.zoo import registry, weights


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with an untrained model of the first GAN, for points."""
    return saved(
        tmp_path / "model", "vanilla", {"kind": "points", "generator": (4,), "discriminator": (4,)}
    )


def saved(place: Path, name: str, settings: dict[str, Any]) -> Path:
    plugin = registry.get(name)
    gan = plugin.build(plugin.config(**settings))
    files.write_json(place / weights.CONFIG, model_config(plugin, gan))
    weights.save_tensors(place / weights.MODEL, weights.collect_tensors(gan, gan.ema), {})
    return place


def change(place: Path, **values: Any) -> None:
    config = json.loads((place / weights.CONFIG).read_text())
    (place / weights.CONFIG).write_text(json.dumps({**config, **values}))


def test_networks_that_the_plugin_does_not_sample_with(model: Path) -> None:
    assert ganzoo.load(model).plugin.name == "vanilla"
    change(model, networks=["discriminator"])
    with pytest.raises(
        WeightsError, match=r"lists the networks discriminator; 'vanilla' samples with generator"
    ):
        ganzoo.load(model)


def test_a_giant_network_beside_a_small_file_is_not_built(model: Path) -> None:
    config = json.loads((model / weights.CONFIG).read_text())["config"]
    change(model, config={**config, "discriminator": [4096] * 8})
    program = (
        "import re, resource, sys; from pathlib import Path\n"
        "import ganzoo.sampling.model; from ganzoo.errors import WeightsError\n"
        "data = int(re.search(r'VmData:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) << 10\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (data + (200 << 20),) * 2)\n"
        "try:\n    ganzoo.load(Path(sys.argv[1]))\n"
        "except WeightsError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(model)], capture_output=True, text=True, check=False
    )
    assert "bytes of networks beside this file" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("distribution", "words"),
    [
        (
            "ganzoo-x",
            "which the distribution ganzoo-x brings; look at it, then pip install ganzoo-x",
        ),
        ("numpy", "which the installed numpy does not bring; pip install --upgrade numpy"),
        ("x; rm -rf ~", "which is not installed"),
        ("--index-url=https://x", "which is not installed"),
        ("", "which is not installed"),
        ("x" * 65, "which is not installed"),
        ("ganzöö", "which is not installed"),
    ],
)
def test_a_plugin_that_is_not_here(model: Path, distribution: str, words: str) -> None:
    change(model, plugin="unheard_of", distribution=distribution)
    with pytest.raises(MissingPlugin) as caught:
        ganzoo.load(model)
    assert str(caught.value) == f"needs the plugin 'unheard_of', {words}"


def test_a_terminal_is_not_commanded_by_an_error(model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "\x1b[31mred")
    (tmp_path / "\x1b[31mred" / weights.MODEL).write_bytes(b"no weights")
    program = "from ganzoo.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "sample", f"{tmp_path}/\x1b[31mred"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "\\x1b[31mred" in done.stderr
    assert "\x1b" not in done.stderr


def test_loading_takes_no_more_than_twice_the_file(tmp_path: Path) -> None:
    """Beyond the live tensors themselves: tensors are read one at a time, and the file is mapped."""
    path, each = tmp_path / "m.safetensors", 4 << 20
    tensors: dict[str, Tensor] = {str(number): torch.ones(1, each) for number in range(16)}
    weights.save_tensors(path, tensors, {})
    program = (
        "import resource, sys, torch; from pathlib import Path; from ganzoo.zoo import weights\n"
        "import safetensors.torch\n"
        f"live = {{str(number): torch.zeros(1, {each}).fill_(2) for number in range(16)}}\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10\n"
        "before = peak(); weights.load_tensors(Path(sys.argv[1]), live)\n"
        "print(peak() - before, all(bool((tensor == 1).all()) for tensor in live.values()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    grown, right = done.stdout.split()
    assert right == "True"
    assert int(grown) < 1.2 * path.stat().st_size, (
        f"{int(grown):,} bytes for a file of {path.stat().st_size:,}"
    )
