"""CUB-200-2011 (Wah et al. 2011) and Oxford-102 (Nilsback and Zisserman 2008) as distributed.

Captions are those of Reed et al. 2016 (arXiv 1605.05395), in a folder `text_c10` or `text`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

from ganzoo.data.files import Box, DataFile, is_caption_file, is_image
from ganzoo.data.layout import Arrangement
from ganzoo.errors import DataError

LIST, BOXES, SPLIT = "images.txt", "bounding_boxes.txt", "train_test_split.txt"
REACH = 0.75
"""Half-width of the crop, as a multiple of the box's longer side."""
FARTHEST = 1e6
"""Bound for the coordinates of a box, in pixels."""


def arrange_cub_oxford(files: Sequence[DataFile], split: str) -> Arrangement | None:
    """The layout of a set that is recognised by its files as CUB or Oxford-102, else None.

    The classes of Oxford-102 are the folders of its captions."""
    images = [file for file in files if is_image(file.path)]
    captions = [file for file in files if is_caption_file(file.path)]
    for file in files:
        folder = file.path.parent / "images"
        if file.path.name == LIST and (birds := [i for i in images if folder in i.path.parents]):
            tables = {
                table.path.name: table
                for table in files
                if table.path.parent == file.path.parent and table.path.name in (BOXES, SPLIT)
            }
            return _arrange_birds(file, tables, birds, captions, split)
    flowers = [
        image
        for image in images
        if image.path.parent.name == "jpg" and image.path.name.startswith("image_")
    ]
    if not flowers or not captions:
        return None
    class_of = {file.path.stem: file.path.parent.name for file in captions}
    _check_each(
        flowers,
        [image.path.stem in class_of for image in flowers],
        f"have no captions in {captions[0].path.parts[-3]}",
    )
    classes = tuple(sorted(set(class_of.values())))
    labels = [classes.index(class_of[image.path.stem]) for image in flowers]
    reader = _caption_reader(captions, lambda path: path.stem)
    return Arrangement({"": flowers}, labels, classes, captions, reader)


def _arrange_birds(
    listed: DataFile,
    tables: Mapping[str, DataFile],
    images: list[DataFile],
    captions: list[DataFile],
    split: str,
) -> Arrangement:
    """Classes are folders. Only images of the split are kept, each cropped to its bird."""
    classes = tuple(sorted({image.path.parent.name for image in images}))
    ids = {name: number for number, name in _read_table(listed, 2)}
    folder = listed.path.parent / "images"
    numbers = [ids.get(image.path.relative_to(folder).as_posix(), "") for image in images]
    _check_each(images, numbers, f"do not stand in {listed.shown}")
    numbered = list(zip(numbers, images, strict=True))
    if SPLIT in tables:
        part = {
            number
            for number, flag in _read_table(tables[SPLIT], 2)
            if (flag == "1") == (split == "train")
        }
        numbered = [(number, image) for number, image in numbered if number in part]
    if BOXES in tables:
        boxes = {number: box for number, *box in _read_table(tables[BOXES], 5)}
        shown = tables[BOXES].shown
        _check_each(
            [image for _, image in numbered],
            [number in boxes for number, _ in numbered],
            f"have no box in {shown}",
        )
        numbered = [
            (number, image.crop(_parse_box(boxes[number], f"{shown}: {image.path.name}")))
            for number, image in numbered
        ]
    images = [image for _, image in numbered]
    labels = [classes.index(image.path.parent.name) for image in images]
    reader = _caption_reader(captions, lambda path: f"{path.parent.name}/{path.stem}")
    return Arrangement({"": images}, labels, classes, [listed, *tables.values(), *captions], reader)


def _caption_reader(
    files: Sequence[DataFile], key: Callable[[PurePosixPath], str]
) -> Callable[[Sequence[DataFile]], list[list[str]]]:
    """Reads the captions of images: the lines of the file with the same `key`."""
    by_key = {key(file.path): file for file in files}

    def read_captions(images: Sequence[DataFile]) -> list[list[str]]:
        if not by_key:
            return []
        found = []
        for image in images:
            file = by_key.get(key(image.path))
            found.append(_read_lines(file) if file else [])
        _check_each(images, found, f"have no captions in {files[0].path.parts[-3]}")
        return found

    return read_captions


def _check_each(images: Sequence[DataFile], values: Sequence[object], problem: str) -> None:
    """DataError that names the first image whose value is empty."""
    lacking = [image.shown for image, value in zip(images, values, strict=True) if not value]
    if lacking:
        raise DataError(f"{len(lacking)} images {problem}, the first is {lacking[0]}")


def _read_lines(file: DataFile) -> list[str]:
    lines = file.read().decode("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _read_table(file: DataFile, columns: int) -> list[list[str]]:
    """Rows of words, `columns` in each."""
    rows = [line.split() for line in _read_lines(file)]
    for number, row in enumerate(rows, start=1):
        if len(row) != columns:
            raise DataError(
                f"{file.shown}: row {number} has {len(row)} words where {columns} are due"
            )
    return rows


def _parse_box(row: Sequence[str], where: str) -> Box:
    """The square crop around a bird, which may reach beyond the image.

    As in the code of Zhang et al. 2017: from the middle of the box, 0.75 times its longer side in
    each direction."""
    try:
        left, top, width, height = numbers = [float(word) for word in row]
    except ValueError:
        raise DataError(f"{where}: its box is not four numbers") from None
    if not all(abs(number) < FARTHEST for number in numbers) or min(width, height) < 2:
        raise DataError(
            f"{where}: its box, {' '.join(row)}, is no left, top, width and height in pixels"
        )
    x, y = int(left + width / 2), int(top + height / 2)
    reach = int(max(width, height) * REACH)
    return x - reach, y - reach, x + reach, y + reach
