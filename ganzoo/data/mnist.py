"""MNIST and Fashion-MNIST, in the idx format. Light: no torch, no numpy."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.data.named import DataRequest, ImageArrays, NamedSet, download_with_torchvision
from ganzoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MNIST_FILES = "train-images-idx3-ubyte(.gz) and its three companions, in MNIST/raw/"
FASHION_FILES = "train-images-idx3-ubyte(.gz) and its three companions, in FashionMNIST/raw/"


def read_mnist(request: DataRequest) -> ImageArrays | None:
    folders = ["MNIST/raw", "mnist/MNIST/raw", "mnist"]
    if "fashion" not in request.root.as_posix().lower():
        folders.append("")
    return find_idx_pair(request, folders)


def read_fashion(request: DataRequest) -> ImageArrays | None:
    folders = ["FashionMNIST/raw", "fashion-mnist/FashionMNIST/raw", "fashion-mnist"]
    if "fashion" in request.root.as_posix().lower():
        folders.append("")
    return find_idx_pair(request, folders)


def find_idx_pair(request: DataRequest, folders: list[str]) -> ImageArrays | None:
    """Images and labels of the first folder below the data root that holds both files."""
    prefix = "train" if request.split == "train" else "t10k"
    for folder in folders:
        found = []
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"):
            path = request.root / folder / f"{prefix}-{kind}"
            found += [p for p in (path, path.with_name(f"{path.name}.gz")) if p.is_file()][:1]
        if len(found) == 2:
            images, labels = (read_idx(path) for path in found)
            return ImageArrays(images=images[..., None], labels=labels.astype("int64"), files=found)
    return None


def read_idx(path: Path) -> NDArray[np.uint8]:
    """An array of bytes in idx format, gzipped or not. DataError if the file is cut short."""
    import numpy as np

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


mnist = NamedSet(
    name="mnist",
    licence="CC BY-SA 3.0 as commonly stated; the authors' page names no licence",
    source="http://yann.lecun.com/exdb/mnist/",
    read=read_mnist,
    files=MNIST_FILES,
    classes=tuple("0123456789"),
    download=lambda root: download_with_torchvision("MNIST", root, MNIST_FILES),
    hub="ylecun/mnist",
)

fashion = NamedSet(
    name="fashion-mnist",
    licence="MIT",
    source="https://github.com/zalandoresearch/fashion-mnist",
    read=read_fashion,
    files=FASHION_FILES,
    classes=(
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
    ),
    download=lambda root: download_with_torchvision("FashionMNIST", root, FASHION_FILES),
    hub="zalando-datasets/fashion_mnist",
)
