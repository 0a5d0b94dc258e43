"""`ganzoo import`: old checkpoints give the same pictures under new names, or nothing is written and the error says why."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import ganzoo as zoo
from ganzoo.inputs import Rows
from ganzoo.legacy import sequence
from ganzoo.sampling.model import Model
from ganzoo.zoo import weights
from tests.cli.conftest import Call

SAME = 1e-6
"""Weights stay float32, so only the order of sums may differ."""


class Main(nn.Module):
    """A network as most scripts write it: one nn.Sequential under a name."""

    def __init__(self, *layers: nn.Module, name: str = "main") -> None:
        super().__init__()
        self.add_module(name, nn.Sequential(*layers))


def running(module: nn.Module) -> nn.Module:
    """Weights and statistics as after a training, so that a wrong place shows; in eval mode."""
    torch.manual_seed(1)
    for name, tensor in module.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif tensor.is_floating_point():
            tensor.normal_(
                1.0 if tensor.ndim == 1 and name.endswith("weight") else 0.0,
                0.3 if tensor.ndim == 1 else 0.1,
            )
    return module.eval().requires_grad_(False)


def generator(
    size: int = 64, latent: int = 10, width: int = 4, channels: int = 3, bias: bool = False
) -> nn.Module:
    """The generator of DCGAN as it is taught everywhere, for `size` of 28 (from 7 x 7 maps) to 128."""
    first = 7 if size == 28 else 4
    doublings = {28: 2, 32: 3, 64: 4, 128: 5}[size]
    widths = [width << i for i in reversed(range(doublings))]
    layers: list[nn.Module] = [
        nn.ConvTranspose2d(latent, widths[0], first, 1, 0, bias=bias),
        nn.BatchNorm2d(widths[0]),
        nn.ReLU(),
    ]
    for before, after in pairwise(widths):
        layers += [
            nn.ConvTranspose2d(before, after, 4, 2, 1, bias=bias),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        ]
    return running(
        Main(*layers, nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=bias), nn.Tanh())
    )


def discriminator(
    size: int = 64, width: int = 4, channels: int = 3, *, bias: bool = False, norm: bool = True
) -> nn.Module:
    halvings = {28: 2, 32: 3, 64: 4, 128: 5}[size]
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1, bias=bias), nn.LeakyReLU(0.2)]
    for i in range(halvings - 1):
        layers.append(nn.Conv2d(width << i, width << (i + 1), 4, 2, 1, bias=bias))
        layers += (
            [nn.BatchNorm2d(width << (i + 1)), nn.LeakyReLU(0.2)] if norm else [nn.LeakyReLU(0.2)]
        )
    last = nn.Conv2d(width << (halvings - 1), 1, 7 if size == 28 else 4, 1, 0, bias=bias)
    return running(Main(*layers, last, nn.Sigmoid()))


def made_by(
    old: nn.Module, model: Model, network: str = "main", *, maps: bool = True
) -> tuple[Tensor, Tensor]:
    """What the old network and the new model make of the same latents."""
    latent = model.inputs["latent"].draw("latent", Rows(5, 6))
    with torch.inference_mode():
        wanted = getattr(old, network)(latent[:, :, None, None] if maps else latent)
    return wanted, model.sample(6, seed=5).tensor.view_as(wanted)


def difference(pair: tuple[Tensor, Tensor]) -> float:
    assert pair[0].std() > 0.01, "a flat picture proves nothing"
    return float((pair[0] - pair[1]).abs().max())


def judged(folder: Path, network: str = "discriminator") -> nn.Module:
    """The imported model's discriminator, from training.safetensors."""
    model = zoo.load(folder, device="cpu", precision="fp32")
    weights.load_tensors(folder / weights.TRAINING, weights.collect_tensors(model.gan, [network]))
    return model.gan.get_submodule(network).eval()


@pytest.mark.parametrize(
    ("size", "channels", "bias"), [(64, 3, False), (28, 1, False), (32, 3, True), (128, 1, False)]
)
def test_a_dcgan_draws_and_judges_as_before(
    ganzoo: Call, size: int, channels: int, bias: bool
) -> None:
    old, judge = (
        generator(size, channels=channels, bias=bias),
        discriminator(size, channels=channels, bias=bias),
    )
    torch.save(old.state_dict(), "netG.pth")
    torch.save(judge.state_dict(), "netD.pth")
    done = ganzoo("import", "netG.pth", "netD.pth", "--as", "dcgan", "-o", "new")
    assert "netG.main.0.weight" in done.stdout
    assert "generator.layers.0.weight" in done.stdout
    assert ("(zeros)" in done.stdout) is not bias, (
        "the last convolution of the discriminator has no bias in the old one"
    )
    folder = Path("new").absolute()
    model = zoo.load(folder, device="cpu", precision="fp32")
    assert (model.config.size, model.config.channels, model.config.latent) == (size, channels, 10)
    assert difference(made_by(old, model)) < SAME
    images = torch.randn(5, channels, size, size)
    with torch.inference_mode():
        wanted, logits = judge.main(images).flatten(), judged(folder)(images)
    assert float((wanted - logits.sigmoid()).abs().max()) < SAME
    assert float(wanted.std()) > 1e-3


@pytest.mark.parametrize("norm", [True, False])
def test_a_generator_without_and_a_discriminator_with_biases(ganzoo: Call, norm: bool) -> None:
    """One has more biases than the other: the fewer become zeros."""
    old, judge = generator(32), discriminator(32, 8, bias=True, norm=norm)
    torch.save({"netG": old.state_dict(), "netD": judge.state_dict()}, "both.pth")
    ganzoo("import", "both.pth", "--as", "dcgan", "-o", "new")
    model = zoo.load("./new", device="cpu", precision="fp32")
    assert (model.config.width, model.config.discriminator_width) == (4, 8)
    assert difference(made_by(old, model)) < SAME
    images = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        assert (
            float(
                (judge.main(images).flatten() - judged(Path("new").absolute())(images).sigmoid())
                .abs()
                .max()
            )
            < SAME
        )


def wrapped(state: dict[str, Tensor], *prefixes: str) -> dict[str, Tensor]:
    return {"".join(prefixes) + name: tensor for name, tensor in state.items()}


WRAPPERS: dict[str, Callable[[dict[str, Tensor]], Any]] = {
    "bare": lambda s: s,
    "state_dict": lambda s: {"state_dict": s, "epoch": 3, "args": {"lr": 0.1}},
    "data parallel": lambda s: wrapped(s, "module."),
    "compiled": lambda s: wrapped(s, "_orig_mod.", "module."),
    "optimizers": lambda s: {
        "netG": s, "optimizerG": torch.optim.Adam([nn.Parameter(torch.ones(2))]).state_dict(), "losses": [1.0, 2.0],
    },
    "lightning": lambda s: {"state_dict": wrapped(s, "generator.module."), "hyper_parameters": {"latent": 10}},
    "nested": lambda s: {"models": {"G": {"model": s}}},
    "without counters": lambda s: {name: tensor for name, tensor in s.items() if "num_batches" not in name},
    "another name": lambda s: {name.replace("main", "net.layers"): tensor for name, tensor in s.items()},
    "half": lambda s: {name: t.half() if t.is_floating_point() else t for name, t in s.items()},
    "double": lambda s: {name: t.double() if t.is_floating_point() else t for name, t in s.items()},
}  # fmt: skip


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrappers(ganzoo: Call, wrapper: str) -> None:
    old = generator(32)
    if wrapper == "half":
        old = old.half().float()
    torch.save(WRAPPERS[wrapper](dict(old.state_dict())), "old.pth")
    done = ganzoo("import", "old.pth", "--as", "dcgan", "-o", "new")
    model = zoo.load("./new", device="cpu", precision="fp32")
    assert difference(made_by(old, model)) < SAME
    assert not Path("new/training.safetensors").exists()
    if wrapper == "optimizers":
        assert "left out: optimizerG: an optimizer's state" in done.stderr
        assert "left out: losses: no tensor" in done.stderr


def test_older_and_safer_containers(ganzoo: Call) -> None:
    old = generator(32)
    torch.save(old.state_dict(), "old.pth", _use_new_zipfile_serialization=False)
    save_file(dict(old.state_dict()), "old.safetensors")
    for file in ("old.pth", "old.safetensors"):
        ganzoo("import", file, "--as", "dcgan", "-o", "new", "--force")
        assert difference(made_by(old, zoo.load("./new", device="cpu", precision="fp32"))) < SAME


def perceptron(
    widths: list[int], *between: Callable[[int], nn.Module], end: nn.Module
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths[:-1]):
        layers += [nn.Linear(before, after), *(make(after) for make in between)]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]), end)


@pytest.mark.parametrize(
    ("between", "words"),
    [
        ([lambda n: nn.ReLU()], ["--set", "activation=relu"]),
        ([lambda n: nn.LeakyReLU(0.1)], ["--set", "slope=0.1"]),
        ([lambda n: nn.LeakyReLU(0.2), nn.BatchNorm1d], []),
        ([lambda n: nn.ReLU(), lambda n: nn.Dropout(0.3)], ["--set", "activation=relu"]),
        (
            [lambda n: nn.ReLU(), nn.BatchNorm1d, lambda n: nn.Dropout(0.3)],
            ["--set", "activation=relu"],
        ),
    ],
    ids=["relu", "leaky", "norm", "dropout", "norm and dropout"],
)
def test_perceptrons(ganzoo: Call, between: list[Any], words: list[str]) -> None:
    old = Main()
    old.main = running(perceptron([6, 16, 32, 64], *between, end=nn.Tanh()))
    judge = running(
        perceptron(
            [64, 24, 1], lambda n: nn.LeakyReLU(0.2), lambda n: nn.Dropout(0.3), end=nn.Sigmoid()
        )
    )
    torch.save({"generator": old.main.state_dict(), "discriminator": judge.state_dict()}, "old.pth")
    done = ganzoo("import", "old.pth", "--as", "vanilla", "-o", "new", *words)
    assert "discriminator.0.weight" in done.stdout
    model = zoo.load("./new", device="cpu", precision="fp32")
    assert (model.config.generator, model.config.discriminator, model.config.size) == (
        (16, 32),
        (24,),
        8,
    )
    assert difference(made_by(old, model, maps=False)) < SAME
    if not words:
        images = torch.randn(4, 1, 8, 8)
        with torch.inference_mode():
            logits = judged(Path("new").absolute())(images)
            assert float((judge(images.flatten(1)).flatten() - logits.sigmoid()).abs().max()) < SAME


def test_points_and_pictures_are_told_apart_by_their_number(ganzoo: Call) -> None:
    for values, kind, channels in [
        (2, "points", 1),
        (784, "images", 1),
        (3072, "images", 3),
        (50, "points", 1),
    ]:
        torch.save(
            perceptron([3, 8, values], lambda n: nn.ReLU(), end=nn.Identity()).state_dict(),
            "old.pth",
        )
        done = ganzoo("import", "old.pth", "--as", "vanilla", "-o", "new", "--force", "--json")
        config = json.loads(done.stdout)["config"]
        assert (config["kind"], config["channels"]) == (kind, channels)
    ganzoo("import", "old.pth", "--as", "vanilla", "-o", "new", "--force", "--set", "kind=curves")
    assert zoo.load("./new", device="cpu").sample(2, seed=0).tensor.shape == (2, 50)


RECOGNISED: dict[str, tuple[str, dict[str, Any], str]] = {
    "upsampling": (
        "dcgan",
        {"l1.0.weight": (32, 8), "l1.0.bias": (32,), "conv_blocks.0.weight": (2,), "conv_blocks.2.weight": (2, 2, 3, 3)},
        "recognised as PyTorch-GAN dcgan, but not the network of plugin 'dcgan': its generator enlarges by nearest neighbours",
    ),
    "norm first": (
        "vanilla",
        {"model.0.weight": (8, 4), "model.2.weight": (8, 8), "model.3.weight": (8,), "model.3.running_mean": (8,),
         "model.5.weight": (64, 8)},
        "recognised as PyTorch-GAN gan, but not the network of plugin 'vanilla': its generator has BatchNorm before",
    ),
    "resnet": (
        "dcgan",
        {"model.1.weight": (4, 3, 7, 7), "model.10.conv_block.1.weight": (4, 4, 3, 3)},
        "recognised as a ResNet generator of pytorch-CycleGAN-and-pix2pix; the plugin that would hold it is not installed",
    ),
    "u-net": (
        "dcgan",
        {"model.model.0.weight": (4, 3, 4, 4), "model.model.1.model.1.weight": (4, 4, 4, 4)},
        "recognised as a U-Net generator of pytorch-CycleGAN-and-pix2pix",
    ),
    "unknown": ("dcgan", {"fc.weight": (4, 3), "fc.bias": (4,)}, "plugin 'dcgan' knows: fc.weight [4, 3], fc.bias [4]"),
}  # fmt: skip


@pytest.mark.parametrize("case", RECOGNISED)
def test_other_networks_are_told_and_refused(ganzoo: Call, case: str) -> None:
    plugin, shapes, words = RECOGNISED[case]
    torch.save({name: torch.zeros(shape) for name, shape in shapes.items()}, "old.pth")
    error = ganzoo("import", "old.pth", "--as", plugin, "-o", "new", code=1).stderr
    assert words in error
    assert error.count("\n") == 1
    assert not Path("new").exists()


def altered(change: Callable[[dict[str, Tensor]], Any]) -> dict[str, Tensor]:
    state = dict(generator(32).state_dict())
    change(state)
    return state


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "left over": (
        lambda: {"netG": dict(generator(32).state_dict()), "fixed_noise": torch.ones(4, 10, 1, 1)},
        "nothing was imported. without a place: fixed_noise [4, 10, 1, 1]",
    ),
    "left over in a module": (
        lambda: altered(lambda s: s.update({"main.0.scale": torch.ones(3)})),
        "main.0.scale [3]",
    ),
    "no norm's bias": (
        lambda: altered(lambda s: s.pop("main.1.bias")),
        "missing: generator.layers.1.bias",
    ),
    "no variance": (
        lambda: altered(lambda s: s.pop("main.1.running_var")),
        "missing: generator.layers.1.running_var",
    ),
    "a vector too long": (
        lambda: altered(lambda s: s.update({"main.1.bias": torch.ones(17)})),
        "of another shape: main.1.bias [17], expected [16]",
    ),
    "nan": (
        lambda: altered(lambda s: s["main.3.weight"].fill_(float("nan"))),
        "main.3.weight holds NaN or infinity",
    ),
    "integers": (
        lambda: altered(lambda s: s.update({"main.1.bias": torch.ones(16, dtype=torch.int64)})),
        "main.1.bias is torch.int64",
    ),
    "kernels of 5": (
        lambda: altered(lambda s: s.update({"main.3.weight": torch.zeros(16, 8, 5, 5)})),
        "kernels or widths are none of this plugin's",
    ),
    "discriminator alone": (
        lambda: discriminator(32).state_dict(),
        "holds discriminator and no generator",
    ),
    "two generators": (
        lambda: {"netG": generator(32).state_dict(), "netG_ema": generator(32).state_dict()},
        "'netG', 'netG_ema' would each be the generator; leave all but one out with --drop",
    ),
    "no pair": (
        lambda: {"netG": generator(32).state_dict(), "netD": discriminator(64).state_dict()},
        "do not belong together: size 32 and 64",
    ),
    "twice": (
        lambda: {**generator(32).state_dict(), "module.main.0.weight": torch.ones(1)},
        "is in it twice",
    ),
    "wrappers alone": (
        lambda: {**generator(32).state_dict(), "generator.module._orig_mod": torch.ones(1)},
        "nothing was imported. without a place: generator. [1]",
    ),
    "a list": (lambda: [torch.ones(2)], "holds list, not networks by name"),
    "nothing": (lambda: {"epoch": 3}, "no tensors in it"),
    "a giant view": (
        lambda: altered(lambda s: s.update({"main.0.weight": torch.zeros(1).expand(10**6, 10**6)})),
        "claims more numbers",
    ),
    "sparse": (
        lambda: altered(lambda s: s.update({"main.1.bias": torch.ones(16).to_sparse()})),
        "main.1.bias is sparse",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_map_is_refused_whole(ganzoo: Call, case: str) -> None:
    make, words = REFUSED[case]
    torch.save(make(), "old.pth")
    error = ganzoo("import", "old.pth", "--as", "dcgan", "-o", "new", code=1).stderr
    assert words in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == ["old.pth"]


def test_what_the_user_leaves_out(ganzoo: Call) -> None:
    old = generator(32)
    state = {
        "netG": generator(32, width=8).state_dict(),
        "netG_ema": old.state_dict(),
        "noise": torch.ones(2),
    }
    torch.save(state, "old.pth")
    words = ["import", "old.pth", "--as", "dcgan", "-o", "new", "--drop", "netG", "--drop"]
    assert "left out: netG: as requested" in ganzoo(*words, "noise").stderr
    assert difference(made_by(old, zoo.load("./new", device="cpu", precision="fp32"))) < SAME
    assert "--drop nois: not in the file" in ganzoo(*words, "nois", "--force", code=2).stderr


class Bomb:
    """Makes a folder when it is unpickled the usual way."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


def test_a_pickle_that_would_run_something_is_not_opened(
    ganzoo: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    for new in (True, False):
        torch.save(
            {"netG": generator(32).state_dict(), "args": Bomb()},
            "old.pth",
            _use_new_zipfile_serialization=new,
        )
        error = ganzoo("import", "old.pth", "--as", "dcgan", "-o", "new", code=1).stderr
        assert "not opened: it needs posix.mkdir" in error
        assert "can run any program" in error
        assert error.count("\n") == 1
        assert not Path("ran").exists()
        assert not Path("new").exists()
    torch.load("old.pth", weights_only=False)
    assert Path("ran").exists(), "the file is a bomb indeed"


def test_a_whole_module_is_not_opened(ganzoo: Call) -> None:
    torch.save(nn.Sequential(nn.Linear(2, 3)), "old.pt")
    assert (
        "it needs torch.nn.modules"
        in ganzoo("import", "old.pt", "--as", "vanilla", "-o", "new", code=1).stderr
    )


def test_files_that_are_no_checkpoints(ganzoo: Call) -> None:
    Path("text.pth").write_text("hello")
    Path("empty.pth").write_bytes(b"")
    torch.save(generator(32).state_dict(), "whole.pth")
    Path("cut.pth").write_bytes(Path("whole.pth").read_bytes()[:-100])
    Path("cut.safetensors").write_bytes(b"\x10\x00")
    Path("folder.pth").mkdir()
    for name in ("text.pth", "empty.pth", "cut.pth", "cut.safetensors", "folder.pth", "gone.pth"):
        error = ganzoo("import", name, "--as", "dcgan", "-o", "new", code=1).stderr
        assert name in error
        assert error.count("\n") == 1


def test_a_file_that_grows_when_it_is_unpacked_is_not_opened(ganzoo: Call) -> None:
    torch.save({"x.weight": torch.zeros(2, 2)}, "small.pth")
    with (
        zipfile.ZipFile("small.pth") as old,
        zipfile.ZipFile("packed.pth", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for part in old.infolist():
            new.writestr(
                part.filename, bytes(2**20) if "/data/" in part.filename else old.read(part)
            )
    assert (
        "compressed" in ganzoo("import", "packed.pth", "--as", "dcgan", "-o", "new", code=1).stderr
    )
    with (
        zipfile.ZipFile("large.pth", "w", zipfile.ZIP_DEFLATED) as large,
        large.open("x/data.pkl", "w") as pickled,
    ):
        for _ in range(65):
            pickled.write(bytes(2**20))
    assert (
        "its pickle has 68,157,440 bytes"
        in ganzoo("import", "large.pth", "--as", "dcgan", "-o", "new", code=1).stderr
    )


def test_a_few_lines_that_unfold_to_billions_end_early(ganzoo: Call) -> None:
    part: dict[str, Any] = {"x": torch.zeros(1)}
    for _ in range(7):
        part = {str(i): part for i in range(100)}
    torch.save(part, "wide.pth")
    loop: dict[str, Any] = {}
    loop["self"] = loop
    torch.save(loop, "loop.pth")
    for name in ("wide.pth", "loop.pth"):
        assert (
            "more than 20,000 entries"
            in ganzoo("import", name, "--as", "dcgan", "-o", "new", code=1).stderr
        )


def test_settings_that_the_shapes_contradict(ganzoo: Call) -> None:
    torch.save(generator(32).state_dict(), "old.pth")
    words = ["import", "old.pth", "--as", "dcgan", "-o", "new", "--set"]
    assert (
        "of another shape: main.0.weight [10, 16, 4, 4]" in ganzoo(*words, "width=8", code=1).stderr
    )
    assert "no setting 'widht'; did you mean width" in ganzoo(*words, "widht=8", code=2).stderr
    assert not Path("new").exists()


def test_plugins_without_a_past(ganzoo: Call) -> None:
    torch.save(generator(32).state_dict(), "old.pth")
    error = ganzoo("import", "old.pth", "--as", "tiny_class", "-o", "new", code=2).stderr
    assert "plugin 'tiny_class' reads no old checkpoints; these do: dcgan, vanilla" in error
    assert (
        "did you mean dcgan"
        in ganzoo("import", "old.pth", "--as", "dcgn", "-o", "new", code=2).stderr
    )


def test_the_place(ganzoo: Call) -> None:
    torch.save(generator(32).state_dict(), "old.pth")
    words = ["import", "old.pth", "--as", "dcgan", "-o"]
    Path("file").write_text("x")
    assert "file is a file" in ganzoo(*words, "file", code=2).stderr
    assert "cannot be written" in ganzoo(*words, "file/new", code=1).stderr
    Path("mine").mkdir()
    Path("mine/letter.txt").write_text("dear")
    for force in ([], ["--force"]):
        assert "mine" in ganzoo(*words, "mine", *force, code=2).stderr
    assert Path("mine/letter.txt").read_text() == "dear"
    torch.save(
        {"netG": generator(32).state_dict(), "netD": discriminator(32).state_dict()}, "both.pth"
    )
    ganzoo("import", "both.pth", "--as", "dcgan", "-o", "new")
    assert "give --force" in ganzoo(*words, "new", code=2).stderr
    ganzoo(*words, "new", "--force")
    assert sorted(path.name for path in Path("new").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]


def test_layers_in_a_row() -> None:
    shapes = {
        "a.b.2.weight": (3, 2),
        "a.b.0.weight": (2, 5),
        "a.b.0.bias": (2,),
        "a.b.1.running_mean": (2,),
    }
    layers = sequence(shapes)
    assert layers is not None
    assert [(layer.module, layer.kind, layer.bias) for layer in layers] == [
        ("a.b.0", "linear", True), ("a.b.1", "norm", False), ("a.b.2", "linear", False),
    ]  # fmt: skip
    assert sequence({"a.0.weight": (2, 2), "b.0.weight": (2, 2)}) is None
    assert sequence({"fc.weight": (2, 2)}) is None
    assert sequence({"0.weight": (2, 2, 2)}) is None
