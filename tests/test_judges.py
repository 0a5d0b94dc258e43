"""Who judges pictures drawn for sentences, in benchmarks/: ranks counted by hand, and words that
are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from judges import AMONG, Reader, measure_r_precision, word_before
from sentences import compute_sharpness
from torch import Tensor

N = 120
GROUPS: list[tuple[str, ...]] = [(f"word{number}", f"thing{number}") for number in range(N)]
ASKED = [group[number % 2] for number, group in enumerate(GROUPS)]


class Knowing:
    """A matcher by `order` of the picture that owns a sentence and the picture looked at; a
    caption is one token, its place."""

    def __init__(
        self, order: Callable[[Tensor, Tensor], Tensor], groups: list[tuple[str, ...]] = GROUPS
    ) -> None:
        owners = {name: place for place, group in enumerate(groups) for name in group}
        self.order, self.names, self.owner = (
            order,
            list(owners),
            torch.tensor(list(owners.values())),
        )

    def tokens(self, sentences: Sequence[str]) -> Tensor:
        return torch.tensor([[self.names.index(one)] for one in sentences])

    def ranked(self, pictures: Tensor, tokens: Tensor) -> Tensor:
        return self.order(self.owner[tokens], torch.arange(len(pictures))[None])


def of_knowing(
    order: Callable[[Tensor, Tensor], Tensor],
    asked: list[str] = ASKED,
    groups: list[tuple[str, ...]] = GROUPS,
    seed: int = 0,
) -> float:
    judge: Any = Knowing(order, groups)
    return measure_r_precision(judge, torch.zeros(len(groups), 3, 8, 8), asked, groups, seed)


def test_r_precision_of_who_knows_and_who_does_not() -> None:
    assert of_knowing(lambda owner, picture: (owner == picture).float()) == 1
    assert of_knowing(lambda owner, picture: (owner != picture).float()) == 0
    assert of_knowing(lambda owner, picture: torch.zeros(len(owner), N)) == 0, "a tie is not first"
    assert (
        of_knowing(lambda owner, picture: ((owner == picture) & (picture % 2 == 0)).float()) == 0.5
    )
    generator = torch.Generator().manual_seed(0)
    blind = [
        of_knowing(lambda owner, _: torch.rand(len(owner), N, generator=generator), seed=seed)
        for seed in range(20)
    ]
    assert sum(blind) / 20 == pytest.approx(1 / AMONG, abs=0.006)


def test_captions_of_pictures_that_share_one_do_not_compete() -> None:
    """The matcher likes those of the first picture best, then those of the second."""
    groups: list[tuple[str, ...]] = [("shared", "mine"), ("shared", "yours"), *GROUPS]
    value = of_knowing(
        lambda owner, _: (2 - owner).clamp(min=0).float().expand(-1, N + 2),
        ["mine", "yours", *ASKED],
        groups,
    )
    assert value == pytest.approx(2 / len(groups))


def test_too_few_captions_are_no_figure() -> None:
    with pytest.raises(SystemExit, match="there are 98 others"):
        of_knowing(lambda owner, picture: (owner == picture).float(), ASKED[:50], GROUPS[:50])


def test_words_are_read_where_there_are_any() -> None:
    assert word_before("A girl with Pink hair, and blue eyes", "hair") == "pink"
    assert word_before("red shoes, Blue shirts and green hats", "hats,shirts") == "blue"
    assert word_before("hairy", "hair") is None
    eye = Reader(lambda pictures: pictures.flatten(1)[:, :2], ("blue", "pink"), "hair")  # type: ignore[arg-type]
    pictures = torch.tensor([[1.0, 0], [0, 1], [0, 1], [1, 0]])[:, :, None, None]
    captions = ["blue hair", "blue hair", "no word of it", "grey hair"]
    assert eye.right(pictures, captions).tolist() == [True, False]
    with pytest.raises(SystemExit, match="no caption has one of the words .* 'hair': blue, pink"):
        eye.right(pictures[2:], captions[2:])


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    picture = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1
    grey = ((picture.mean(dim=1)[0] + 1) / 2).numpy()
    laplacian = [
        grey[y - 1, x] + grey[y + 1, x] + grey[y, x - 1] + grey[y, x + 1] - 4 * grey[y, x]
        for y in range(1, 5)
        for x in range(1, 5)
    ]
    assert compute_sharpness(picture) == pytest.approx(
        float(torch.tensor(laplacian).var()), rel=1e-5
    )
    assert compute_sharpness(torch.full((2, 3, 6, 6), 0.3)) == pytest.approx(0, abs=1e-10)
