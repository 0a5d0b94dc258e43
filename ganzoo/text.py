"""The tokenizer that the data and the `Text` input share, and what text may be recorded. Light: no torch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

PAD, UNKNOWN = 0, 1
"""Token ids that every vocabulary reserves; its words begin at 2."""

_WORD = re.compile(r"\w+", re.UNICODE)


def is_utf8(text: str) -> bool:
    """Whether a text, such as a file's name, can be written as UTF-8, which records and JSON ask for."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def words(sentence: str) -> list[str]:
    """Lower-cased words of a sentence; punctuation separates."""
    return _WORD.findall(sentence.casefold())


def vocabulary(captions: Iterable[str], limit: int = 5000) -> tuple[str, ...]:
    """The `limit` most frequent words, most frequent first, ties in alphabetical order."""
    counts = Counter(word for caption in captions for word in words(caption))
    return tuple(sorted(counts, key=lambda word: (-counts[word], word))[:limit])


def encode(sentence: str, vocabulary: Sequence[str], length: int, index: dict[str, int] | None = None) -> list[int]:
    """Token ids of a sentence, cut or padded to `length`. `index`: a ready `positions(vocabulary)`."""
    index = positions(vocabulary) if index is None else index
    ids = [index.get(word, UNKNOWN) for word in words(sentence)[:length]]
    return ids + [PAD] * (length - len(ids))


def positions(vocabulary: Sequence[str]) -> dict[str, int]:
    """word -> token id."""
    return {word: number for number, word in enumerate(vocabulary, start=2)}
