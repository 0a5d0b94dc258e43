"""The tokenizer that the data and the `Text` input share, and what text may be recorded. Light: no torch.

A vocabulary holds words and, marked by a leading "#", which no word can hold, pieces of words: a word that is not in it is
spelt by pieces, so that "reddish" is near "red" and a slip of the pen is not lost."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from string import ascii_lowercase, digits

PAD, UNKNOWN = 0, 1
"""Token ids that every vocabulary reserves; its entries begin at 2."""
MARK = "#"
"""Before a piece."""
LONGEST = 6
"""Characters of a piece; longer entries are never looked at."""
PIECES = 1000
"""At most, and at most a quarter of a vocabulary."""
WIDEST = 200
"""Characters of a word of a vocabulary; longer ones are left out and spelt."""

_WORD = re.compile(r"\w+", re.ASCII)


def is_utf8(text: str) -> bool:
    """Whether a text, such as a file's name, can be written as UTF-8, which records and JSON ask for."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def words(sentence: str) -> list[str]:
    """Lower-cased words of a sentence, in Unicode's form NFKC; all but letters, marks on letters and digits separates."""
    if not sentence.isascii():
        sentence = "".join(
            c if _spells(c) else " " for c in unicodedata.normalize("NFKC", sentence.casefold())
        )
        return [word for word in sentence.split() if any(c.isalnum() for c in word)]
    return [word for word in _WORD.findall(sentence.lower()) if word.strip("_")]


def _spells(character: str) -> bool:
    return (
        character == "_" or character.isalnum() or unicodedata.category(character).startswith("M")
    )


def shortened(text: str, most: int = 60) -> str:
    """On one line, cut to `most` characters."""
    line = " ".join(text[: 2 * most].split())
    return (
        line if len(line) <= most and len(text) <= 2 * most else line[: most - 3].rstrip() + "..."
    )


def vocabulary(captions: Iterable[str], limit: int = 5000) -> tuple[str, ...]:
    """`limit` entries: the most frequent words, most frequent first, ties in alphabetical order; then pieces: a to z and 0 to 9,
    the captions' other characters, and their most frequent groups of 2 to LONGEST characters. No words, no pieces."""
    counts = Counter(word for caption in captions for word in words(caption) if len(word) <= WIDEST)
    pieces = [MARK + piece for piece in _pieces(counts)[: min(limit // 4, PIECES)]]
    return (*_ranked(counts)[: limit - len(pieces)], *pieces)


def known(vocabulary: Iterable[str]) -> list[str]:
    """The words of a vocabulary, without its pieces."""
    return [entry for entry in vocabulary if not entry.startswith(MARK)]


def encode(
    sentence: str, vocabulary: Sequence[str], length: int, index: dict[str, int] | None = None
) -> list[int]:
    """Token ids of a sentence, cut or padded to `length`: a word of the vocabulary has its own, another is spelt by pieces.
    `index`: a ready `positions(vocabulary)`."""
    index = positions(vocabulary) if index is None else index
    ids: list[int] = []
    for word in words(sentence)[:length]:
        ids += [index[word]] if word in index else spelt(word[: LONGEST * length], index)
    return ids[:length] + [PAD] * (length - len(ids))


def spelt(word: str, index: dict[str, int], longest: int = LONGEST) -> list[int]:
    """Ids of the longest pieces, of at most `longest` characters, from left to right; characters that none spells are UNKNOWN, a
    run of them once."""
    ids: list[int] = []
    while word:
        size = next(
            (size for size in range(min(longest, len(word)), 0, -1) if MARK + word[:size] in index),
            0,
        )
        if size:
            ids.append(index[MARK + word[:size]])
        elif ids[-1:] != [UNKNOWN]:
            ids.append(UNKNOWN)
        word = word[size or 1 :]
    return ids


def spellings(word: str, index: dict[str, int]) -> list[list[int]]:
    """Different ways to spell a word: by pieces of at most 1, 2, ..., LONGEST characters. None where a character is missing."""
    ways = dict.fromkeys(tuple(spelt(word, index, longest)) for longest in range(1, LONGEST + 1))
    return [list(way) for way in ways if UNKNOWN not in way]


def positions(vocabulary: Sequence[str]) -> dict[str, int]:
    """entry -> token id."""
    return {entry: number for number, entry in enumerate(vocabulary, start=2)}


def _ranked(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda entry: (-counts[entry], entry))


def _pieces(counts: Counter[str]) -> list[str]:
    """Single characters first, those that English needs at their head; then groups."""
    if not counts:
        return []
    single: Counter[str] = Counter()
    groups: Counter[str] = Counter()
    for word, count in counts.items():
        for part in _parts(word):
            (single if len(part) == 1 else groups)[part] += count
    return list(dict.fromkeys([*ascii_lowercase, *digits, *_ranked(single), *_ranked(groups)]))


def _parts(word: str) -> Iterator[str]:
    for start in range(len(word)):
        for size in range(1, min(LONGEST, len(word) - start) + 1):
            yield word[start : start + size]
