"""The two sets that papers on text to picture use, as they come: CUB-200-2011 (Wah et al. 2011) and Oxford-102 (Nilsback and
Zisserman 2008), with the sentences of Reed et al. 2016 (arXiv 1605.05395) in a folder `text_c10` or `text`, a file a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from ganzoo.data.files import Entry, is_picture, is_sentences
from ganzoo.data.layout import Arranged
from ganzoo.errors import DataError

LIST, BOXES, SPLIT = "images.txt", "bounding_boxes.txt", "train_test_split.txt"
BESIDE = 0.75
"""Half a side of what is cut out of a bird's picture, in larger sides of its box."""
FAR = 1e6
"""Pixels that no box reaches."""
Key = Callable[[PurePosixPath], str]


def benchmark(found: Sequence[Entry], split: str) -> Arranged | None:
    """A set that is recognised by its files; None where it is neither of them."""
    pictures = [entry for entry in found if is_picture(entry.path)]
    texts = [entry for entry in found if is_sentences(entry.path)]
    for entry in found:
        home = entry.path.parent / "images"
        if entry.path.name == LIST and (birds := [p for p in pictures if home in p.path.parents]):
            return _birds(entry, found, birds, texts, split)
    flowers = [
        p for p in pictures if p.path.parent.name == "jpg" and p.path.name.startswith("image_")
    ]
    return _flowers(flowers, texts) if flowers and texts else None


def _birds(
    listed: Entry, found: Sequence[Entry], pictures: list[Entry], texts: list[Entry], split: str
) -> Arranged:
    """Classes are folders. A picture of the other split is left out; each of this one is cut to its bird."""
    root = listed.path.parent
    beside = {
        entry.path.name: entry
        for entry in found
        if entry.path.parent == root and entry.path.name in (BOXES, SPLIT)
    }
    classes = tuple(sorted({picture.path.parent.name for picture in pictures}))
    places = {row[1]: row[0] for row in _rows(listed, 2)}
    numbers = {
        picture: places.get(picture.path.relative_to(root / "images").as_posix())
        for picture in pictures
    }
    _check(
        {picture: number is not None for picture, number in numbers.items()},
        f"do not stand in {listed.shown}",
    )
    if SPLIT in beside:
        part = {row[0] for row in _rows(beside[SPLIT], 2) if (row[1] == "1") == (split == "train")}
        pictures = [picture for picture in pictures if numbers[picture] in part]
    labels = [classes.index(picture.path.parent.name) for picture in pictures]
    if BOXES in beside:
        boxes = {row[0]: row[1:] for row in _rows(beside[BOXES], 5)}
        _check(
            {picture: numbers[picture] in boxes for picture in pictures},
            f"have no box in {beside[BOXES].shown}",
        )
        pictures = [
            replace(p, box=_box(boxes[str(numbers[p])], f"{beside[BOXES].shown}: {p.path.name}"))
            for p in pictures
        ]
    return Arranged(
        {"": pictures}, labels, classes, [listed, *beside.values(), *texts], _told(texts, _of_class)
    )


def _flowers(pictures: list[Entry], texts: list[Entry]) -> Arranged:
    """Classes are the folders of the sentences."""
    homes = {text.path.stem: text.path.parent.name for text in texts}
    _check(
        {picture: picture.path.stem in homes for picture in pictures},
        f"have no sentences in {texts[0].path.parts[-3]}",
    )
    classes = tuple(sorted(set(homes.values())))
    labels = [classes.index(homes[picture.path.stem]) for picture in pictures]
    return Arranged({"": pictures}, labels, classes, texts, _told(texts, lambda path: path.stem))


def _of_class(path: PurePosixPath) -> str:
    return f"{path.parent.name}/{path.stem}"


def _told(texts: Sequence[Entry], key: Key) -> Callable[[Sequence[Entry]], list[list[str]]]:
    """What gives the sentences of pictures: the lines of the file that `key` leads to."""
    files = {key(text.path): text for text in texts}

    def told(pictures: Sequence[Entry]) -> list[list[str]]:
        if not files:
            return []
        found = {picture: _lines(files.get(key(picture.path))) for picture in pictures}
        _check(
            {picture: bool(lines) for picture, lines in found.items()},
            f"have no sentences in {texts[0].path.parts[-3]}",
        )
        return list(found.values())

    return told


def _check(fits: dict[Entry, bool], problem: str) -> None:
    """DataError that names the first picture of which something is missing."""
    lacking = [picture.shown for picture, good in fits.items() if not good]
    if lacking:
        raise DataError(f"{len(lacking)} pictures {problem}, the first is {lacking[0]}")


def _lines(entry: Entry | None) -> list[str]:
    lines = entry.read().decode("utf-8", "replace").splitlines() if entry else []
    return [line.strip() for line in lines if line.strip()]


def _rows(entry: Entry, width: int) -> list[list[str]]:
    """The words of each line."""
    rows = [line.split() for line in _lines(entry)]
    for number, row in enumerate(rows, start=1):
        if len(row) != width:
            raise DataError(
                f"{entry.shown}: row {number} has {len(row)} words where {width} are due"
            )
    return rows


def _box(row: Sequence[str], where: str) -> tuple[int, int, int, int]:
    """The square around a bird, in pixels, borders of the picture not yet minded: left, top, right, bottom. As the code of Zhang
    et al. 2017 cuts it: from the middle of the box, 0.75 times its larger side each way."""
    try:
        left, top, width, height = numbers = [float(word) for word in row]
    except ValueError:
        raise DataError(f"{where}: its box is not four numbers") from None
    if not all(abs(number) < FAR for number in numbers) or min(width, height) < 2:
        raise DataError(
            f"{where}: its box, {' '.join(row)}, is no left, top, width and height in pixels"
        )
    x, y, reach = int(left + width / 2), int(top + height / 2), int(max(width, height) * BESIDE)
    return x - reach, y - reach, x + reach, y + reach
