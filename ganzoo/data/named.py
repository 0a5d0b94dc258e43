"""The named sets: where their files are looked for, what may be done with them, how they are fetched."""

from __future__ import annotations

import gzip
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.errors import DataError

DIGITS = tuple("0123456789")
FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ALIASES = {"aeroplane": "airplane", "plane": "airplane", "car": "automobile"}


@dataclass(frozen=True)
class Named:
    """A known set. `folders`: places below a data root; `layout`: what must lie there, in words."""

    licence: str
    source: str
    folders: tuple[str, ...]
    layout: str
    classes: tuple[str, ...] = ()
    torchvision: str | None = None


SETS = {
    "mnist": Named(
        "CC BY-SA 3.0 as commonly stated; the authors' page names no licence",
        "http://yann.lecun.com/exdb/mnist/",
        ("MNIST/raw", "mnist/MNIST/raw", "mnist", ""),
        "train-images-idx3-ubyte(.gz) and its three companions, in MNIST/raw/",
        DIGITS,
        "MNIST",
    ),
    "fashion-mnist": Named(
        "MIT",
        "https://github.com/zalandoresearch/fashion-mnist",
        ("FashionMNIST/raw", "fashion-mnist/FashionMNIST/raw", "fashion-mnist", ""),
        "train-images-idx3-ubyte(.gz) and its three companions, in FashionMNIST/raw/",
        FASHION,
        "FashionMNIST",
    ),
    "cifar10": Named(
        "no explicit licence; used in research with citation",
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        ("cifar-10-batches-bin", "cifar10", "cifar10-jpg", "CIFAR10", ""),
        "cifar-10-batches-bin/ (the binary version), or cifar10/train/<class>/*.png|jpg as folders or as cifar10*.tar.gz|zip",
        CIFAR10,
        "CIFAR10",
    ),
    "celeba": Named(
        "non-commercial research only (CelebA agreement)",
        "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        ("celeba", "celeba-64", "img_align_celeba", "CelebA", ""),
        "img_align_celeba.zip, img_align_celeba/*.jpg or celeba*.zip, in celeba/; get it from the page of CelebA after reading "
        "its agreement",
    ),
}


def default_root() -> Path:
    """GANZOO_DATA, else ~/.cache/ganzoo/data."""
    return Path(os.environ.get("GANZOO_DATA") or Path.home() / ".cache" / "ganzoo" / "data")


def missing(name: str, root: Path) -> DataError:
    """What is looked for, where, and how to get it."""
    found = SETS[name]
    fetch = (
        '; or let `--download` fetch it (needs pip install "ganzoo-torch[data]")'
        if found.torchvision
        else ""
    )
    return DataError(
        f"data set {name!r} is not under {root}: put {found.layout} there, or name another folder by --data-root{fetch}"
    )


def idx_pair(
    name: str, root: Path, split: str
) -> tuple[list[Path], NDArray[np.uint8], NDArray[np.int64]] | None:
    """Files, images (n, height, width, 1) and labels of a set in MNIST's idx format; None when it is not there."""
    prefix = "train" if split == "train" else "t10k"
    for folder in SETS[name].folders:
        pair = [
            _either(root / folder / f"{prefix}-{kind}")
            for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
        ]
        images, labels = pair
        if images and labels and (folder or name == _flat(root)):
            return [images, labels], read_idx(images)[..., None], read_idx(labels).astype(np.int64)
    return None


def cifar_batches(
    root: Path, split: str
) -> tuple[list[Path], NDArray[np.uint8], NDArray[np.int64]] | None:
    """The binary version of CIFAR-10, (n, 32, 32, 3); None when it is not there."""
    for folder in (root / "cifar-10-batches-bin", root / "cifar10" / "cifar-10-batches-bin", root):
        paths = sorted(folder.glob("data_batch_*.bin" if split == "train" else "test_batch.bin"))
        if paths:
            rows = np.concatenate([np.fromfile(path, dtype=np.uint8) for path in paths])
            if len(rows) % 3073:
                raise DataError(f"{folder}: its .bin files are cut short; fetch them again")
            rows = rows.reshape(-1, 3073)
            return (
                paths,
                rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy(),
                rows[:, 0].astype(np.int64),
            )
    return None


def places(name: str, root: Path) -> list[Path]:
    """Folders or archives that hold a named set of picture files: the first place where there is something."""
    for folder in (
        SETS[name].folders[:-1] if root.name not in SETS[name].folders else SETS[name].folders
    ):
        place = root / folder
        stems = (folder.lower() or name, name)
        archives = sorted(
            p for p in (place if place.is_dir() else root).glob("*.*") if _archive_of(p, stems)
        )
        if archives:
            return archives
        if place.is_dir() and any(place.iterdir()):
            return [place]
    return []


def download(name: str, root: Path) -> None:
    """Fetch a set through torchvision. DataError when torchvision is not there, does not fit torch, or the set is not its."""
    kind = SETS[name].torchvision
    if kind is None:
        raise missing(name, root)
    try:
        from torchvision import datasets
    except (ImportError, RuntimeError) as error:
        raise DataError(
            f'--download needs a torchvision built for this torch ({error}); pip install "ganzoo-torch[data]", '
            f"or bring the files by hand: {SETS[name].layout}"
        ) from None
    try:
        found = getattr(datasets, kind)(str(root), download=True)
        if name == "cifar10":
            _to_binary(
                root,
                {"data_batch_1.bin": found, "test_batch.bin": type(found)(str(root), train=False)},
            )
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{name} could not be fetched ({error}); bring the files by hand: {SETS[name].layout}"
        ) from None


def read_idx(path: Path) -> NDArray[np.uint8]:
    """An array in idx format, gzipped or not."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        kind, dims = struct.unpack(">HBB", raw[:4])[1:]
        shape = struct.unpack(f">{dims}I", raw[4 : 4 + 4 * dims])
        values = np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * dims)
        if kind != 8 or len(values) != np.prod(shape):
            raise ValueError(f"{len(values)} values for shape {shape}")
        return values.reshape(shape)
    except (OSError, EOFError, ValueError, struct.error) as error:
        raise DataError(f"{path} is not a whole idx file ({error}); fetch it again") from None


def _either(path: Path) -> Path | None:
    return next((p for p in (path, path.with_name(path.name + ".gz")) if p.is_file()), None)


def _flat(root: Path) -> str:
    """Which of the two idx sets a folder holds when their files lie in it directly."""
    text = root.as_posix().lower()
    return "fashion-mnist" if "fashion" in text else "mnist"


def _archive_of(path: Path, stems: tuple[str, ...]) -> bool:
    from ganzoo.data.files import is_archive

    name = path.name.lower()
    return (
        path.is_file()
        and is_archive(path)
        and (name.startswith(stems) or name.startswith("img_align_celeba"))
    )


def _to_binary(root: Path, parts: dict[str, Any]) -> None:
    """torchvision keeps CIFAR-10 as a pickle, which it checks against its hash; ours is the binary version beside it."""
    folder = root / "cifar-10-batches-bin"
    folder.mkdir(exist_ok=True)
    for name, found in parts.items():
        images = np.asarray(found.data).transpose(0, 3, 1, 2).reshape(-1, 3072)
        labels = np.asarray(found.targets, dtype=np.uint8)[:, None]
        np.concatenate([labels, images], axis=1).tofile(folder / name)
