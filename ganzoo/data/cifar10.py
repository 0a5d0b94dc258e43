"""CIFAR-10, in its binary version or as image files. Light: no torch, no numpy."""

from __future__ import annotations

from pathlib import Path

from ganzoo.data.named import (
    DataRequest,
    Examples,
    ImageArrays,
    NamedSet,
    download_with_torchvision,
    find_image_files,
)
from ganzoo.errors import DataError

BINARY = "cifar-10-batches-bin"
FILES = (
    "cifar-10-batches-bin/ (the binary version), or cifar10/train/<class>/*.png|jpg as folders "
    "or as cifar10*.tar.gz|zip"
)
ROW = 1 + 3 * 32 * 32
"""Bytes of an example: its label, then its red, green and blue values."""


def read_cifar10(request: DataRequest) -> Examples | None:
    import numpy as np

    root = request.root
    for folder in (root / BINARY, root / "cifar10" / BINARY, root):
        pattern = "data_batch_*.bin" if request.split == "train" else "test_batch.bin"
        paths = sorted(folder.glob(pattern))
        if paths:
            values = np.concatenate([np.fromfile(path, dtype=np.uint8) for path in paths])
            if len(values) % ROW:
                raise DataError(f"{folder}: its .bin files are cut short; fetch them again")
            rows = values.reshape(-1, ROW)
            images = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy()
            return ImageArrays(images=images, labels=rows[:, 0].astype(np.int64), files=paths)
    return find_image_files(root, (BINARY, "cifar10", "cifar10-jpg", "CIFAR10"), ("cifar10",))


def download_cifar10(root: Path) -> None:
    """Fetch CIFAR-10 and write the binary version beside torchvision's pickles, as the official
    one except that all training examples are in one file."""
    import numpy as np

    train = download_with_torchvision("CIFAR10", root, FILES)
    test = type(train)(str(root), train=False)
    folder = root / BINARY
    folder.mkdir(exist_ok=True)
    for name, part in (("data_batch_1.bin", train), ("test_batch.bin", test)):
        images = np.asarray(part.data).transpose(0, 3, 1, 2).reshape(-1, ROW - 1)
        labels = np.asarray(part.targets, dtype=np.uint8)[:, None]
        np.concatenate([labels, images], axis=1).tofile(folder / name)


cifar10 = NamedSet(
    name="cifar10",
    licence="no explicit licence; used in research with citation",
    source="https://www.cs.toronto.edu/~kriz/cifar.html",
    read=read_cifar10,
    files=FILES,
    classes=(
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
    aliases={"aeroplane": "airplane", "plane": "airplane", "car": "automobile"},
    download=download_cifar10,
    hub="uoft-cs/cifar10",
)
