"""The tokenizer of captions and prompts, and checks of text. Light: no torch.

A vocabulary holds words and pieces of words; pieces begin with "#", which no word does. A word that
is not in the vocabulary is spelled in pieces, so that "reddish" is near "red" and a typo is not
lost.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from string import ascii_lowercase, digits

PAD, UNKNOWN = 0, 1
"""Reserved token ids; the entries of a vocabulary begin at 2."""
MARK = "#"
"""Prefix of a piece."""
LONGEST_PIECE = 6
"""Most characters of a piece; longer entries are never looked up."""
MOST_PIECES = 1000
"""Most pieces in a vocabulary, which are also at most a quarter of it."""
WIDEST = 200
"""Most characters of a word in a vocabulary; longer words are spelled."""

_WORD = re.compile(r"\w+", re.ASCII)


def is_utf8(text: str) -> bool:
    """Whether a text, such as a file name, can be written as UTF-8, as records and JSON need."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def words(sentence: str) -> list[str]:
    """The words in lower case and Unicode form NFKC.

    Everything but letters, their marks and digits separates words.
    """
    if not sentence.isascii():
        folded = unicodedata.normalize("NFKC", sentence.casefold())
        kept = [c == "_" or c.isalnum() or unicodedata.category(c)[0] == "M" for c in folded]
        sentence = "".join(c if keep else " " for c, keep in zip(folded, kept, strict=True))
        return [word for word in sentence.split() if any(c.isalnum() for c in word)]
    return [word for word in _WORD.findall(sentence.lower()) if word.strip("_")]


def shorten(text: str, most: int = 60) -> str:
    """`text` on one line, cut to `most` characters."""
    line = " ".join(text[: 2 * most].split())
    if len(line) <= most and len(text) <= 2 * most:
        return line
    return line[: most - 3].rstrip() + "..."


def vocabulary(captions: Iterable[str], limit: int = 5000) -> tuple[str, ...]:
    """At most `limit` entries: words by frequency, ties in alphabetical order, then pieces.

    Pieces are a to z, 0 to 9, the other characters of the captions, and their most frequent groups
    of 2 to LONGEST_PIECE characters. Without words there are no pieces.
    """
    counts = Counter(word for caption in captions for word in words(caption) if len(word) <= WIDEST)
    single: Counter[str] = Counter()
    groups: Counter[str] = Counter()
    for word, count in counts.items():
        for start in range(len(word)):
            single[word[start]] += count
            for size in range(2, min(LONGEST_PIECE, len(word) - start) + 1):
                groups[word[start : start + size]] += count
    ranked = dict.fromkeys([*ascii_lowercase, *digits, *rank(single), *rank(groups)])
    room = min(limit // 4, MOST_PIECES) if counts else 0
    pieces = [MARK + piece for piece in list(ranked)[:room]]
    return (*rank(counts)[: limit - len(pieces)], *pieces)


def list_words(vocabulary: Iterable[str]) -> list[str]:
    """The words of a vocabulary, without its pieces."""
    return [entry for entry in vocabulary if not entry.startswith(MARK)]


def encode(
    sentence: str, vocabulary: Sequence[str], length: int, index: dict[str, int] | None = None
) -> list[int]:
    """Token ids of a caption or prompt, cut or padded to `length`; unknown words are spelled.

    `index`: the result of `index_entries(vocabulary)`, if it is at hand.
    """
    index = index_entries(vocabulary) if index is None else index
    ids: list[int] = []
    for word in words(sentence)[:length]:
        if word in index:
            ids.append(index[word])
        else:
            ids += spell(word[: LONGEST_PIECE * length], index)
    return ids[:length] + [PAD] * (length - len(ids))


def spell(word: str, index: dict[str, int], longest: int = LONGEST_PIECE) -> list[int]:
    """Ids of the longest pieces, of at most `longest` characters, from left to right.

    A run of characters that are in no piece becomes one UNKNOWN.
    """
    ids: list[int] = []
    while word:
        size = min(longest, len(word))
        while size and MARK + word[:size] not in index:
            size -= 1
        if size:
            ids.append(index[MARK + word[:size]])
        elif ids[-1:] != [UNKNOWN]:
            ids.append(UNKNOWN)
        word = word[size or 1 :]
    return ids


def list_spellings(word: str, index: dict[str, int]) -> list[list[int]]:
    """The different spellings of a word in pieces of at most 1, 2, ..., LONGEST_PIECE characters.

    Spellings with an unknown character are left out.
    """
    lengths = range(1, LONGEST_PIECE + 1)
    ways = dict.fromkeys(tuple(spell(word, index, longest)) for longest in lengths)
    return [list(way) for way in ways if UNKNOWN not in way]


def index_entries(vocabulary: Sequence[str]) -> dict[str, int]:
    """The token id of each entry."""
    return {entry: number for number, entry in enumerate(vocabulary, start=2)}


def rank(counts: Counter[str]) -> list[str]:
    """Entries by count, ties in alphabetical order."""
    return sorted(counts, key=lambda entry: (-counts[entry], entry))
