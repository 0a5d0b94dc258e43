"""Words and their pieces: what a vocabulary holds, how sentences become token ids, and how training sees pieces."""

from __future__ import annotations

import unicodedata
from collections import Counter

import numpy as np
import pytest

from ganzoo.data.captions import caption_taker
from ganzoo.data.order import chances, choices
from ganzoo.errors import InputError
from ganzoo.inputs import Rows, Text
from ganzoo.spec import Captions, Facts
from ganzoo.text import (
    MOST_PIECES,
    PAD,
    UNKNOWN,
    WIDEST,
    encode,
    index_entries,
    list_spellings,
    list_words,
    shorten,
    spell,
    vocabulary,
    words,
)

SENTENCES = (("red hair", "a red bird"), ("blonde hair, blue eyes",), ("Ein Vogel: blau!",))
SHADES = vocabulary(text for group in SENTENCES for text in group)


def said(ids: list[int], entries: tuple[str, ...]) -> list[str]:
    """Token ids in words, the padding left out."""
    return [("", "?", *entries)[number] for number in ids if number != PAD]


# --- the vocabulary -------------------------------------------------------------------------------------------------------


def test_words_come_first_and_then_pieces() -> None:
    assert SHADES[:3] == ("hair", "red", "a"), "by frequency, then by name"
    words, pieces = list_words(SHADES), SHADES[len(list_words(SHADES)) :]
    assert len(words) == 10
    assert all(piece.startswith("#") for piece in pieces)
    assert {f"#{one}" for one in "abcdefghijklmnopqrstuvwxyz0123456789"} <= set(pieces)
    assert {"#hair", "#ai", "#blonde", "#lond"} <= set(pieces)
    assert all(2 <= len(piece) <= 7 for piece in pieces)
    assert len(set(SHADES)) == len(SHADES)


def test_pieces_are_the_most_frequent_groups() -> None:
    """Counted by hand: in "ab ab abc" ab stands three times, abc and bc once."""
    order = vocabulary(["ab ab abc"], limit=400)
    groups = [piece for piece in order if piece.startswith("#") and len(piece) > 2]
    assert groups == ["#ab", "#abc", "#bc"]
    assert "#ß" not in vocabulary(["Straße"]), "case is folded: it is read as strasse"
    assert "#é" in vocabulary(["café"])


@pytest.mark.parametrize("limit", [4, 40, 400, 5000])
def test_the_limit_holds_and_pieces_are_a_quarter_at_most(limit: int) -> None:
    many = vocabulary((f"word{number} of{number * 7}" for number in range(6000)), limit)
    assert len(many) == limit
    assert len(many) - len(list_words(many)) == min(limit // 4, MOST_PIECES)


def test_a_word_of_a_whole_page_is_left_out_and_spelt() -> None:
    entries = vocabulary(["red " + "x" * WIDEST, "blue " + "y" * (WIDEST + 1)])
    assert list_words(entries) == ["blue", "red", "x" * WIDEST]
    assert "#yyyyyy" not in entries


# --- words ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("A red-haired girl, aged 7!", ["a", "red", "haired", "girl", "aged", "7"]),
        ("blue_eyes _ __", ["blue_eyes"]),
        ("cafe\N{COMBINING ACUTE ACCENT} STRASSE Straße", ["café", "strasse", "strasse"]),
        ("हिन्दी, नीला", ["हिन्दी", "नीला"]),
        ("שֵׂעָר אָדֹם", ["שֵׂעָר", "אָדֹם"]),
        ("\N{FULLWIDTH LATIN SMALL LETTER R}ed \N{LATIN SMALL LIGATURE FI}sh", ["red", "fish"]),
        ("\N{COMBINING ACUTE ACCENT} \N{GRINNING FACE} é_", ["é_"]),
        ("青い目。", ["青い目"]),
    ],
)
def test_words_of_any_script(sentence: str, expected: list[str]) -> None:
    assert words(sentence) == [unicodedata.normalize("NFKC", word) for word in expected]


# --- sentences ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Red HAIR", ["red", "hair"]),
        ("reddish", ["#red", "#d", "#i", "#s", "#h"]),
        ("blondehaired", ["#blonde", "#hair", "#ed"]),
        ("hairy birds", ["#hair", "#y", "#bird", "#s"]),
        ("x日本", ["#x", "?"]),
        ("日本語 red", ["?", "red"]),
        ("#red", ["red"]),
        ("!?", []),
    ],
)
def test_an_unknown_word_is_spelt_by_the_longest_pieces(sentence: str, expected: list[str]) -> None:
    entries = (
        "red",
        "hair",
        *(f"#{one}" for one in "abcdehilnorsxy"),
        "#red",
        "#hair",
        "#bird",
        "#blonde",
        "#ed",
    )
    assert said(encode(sentence, entries, 8), entries) == expected


def test_sentences_are_cut_and_padded() -> None:
    entries = ("red", "#a", "#b")
    assert encode("red abab red", entries, 4) == [2, 3, 4, 3]
    assert encode("red ab", entries, 5) == [2, 3, 4, PAD, PAD]
    assert encode("a" * 1_000_000, entries, 3) == [3, 3, 3]
    assert len(encode("red " * 10_000, entries, 4)) == 4


def test_a_vocabulary_without_pieces_is_as_it_was() -> None:
    assert encode("a tall bird 日本", ("a", "bird"), 5) == [2, UNKNOWN, 3, UNKNOWN, PAD]
    assert encode("a tall bird", (), 4) == [UNKNOWN, UNKNOWN, UNKNOWN, PAD]


@pytest.mark.parametrize(
    "entries",
    [
        ("",),
        ("#",),
        ("##",),
        ("red", "red"),
        ("#a", "#a"),
        ("#" + "a" * 100_000,),
        ("Red", " ", "#ab c", "\0"),
        ("\ud800",),
    ],
)
def test_a_stranger_s_vocabulary_breaks_nothing(entries: tuple[str, ...]) -> None:
    ids = encode("red aaaa # \0 Red ab c", entries, 9)
    assert len(ids) == 9
    assert all(0 <= number < len(entries) + 2 for number in ids)
    assert all(
        list_spellings(word, index_entries(entries)) != [[]] for word in list_words(entries) if word
    )


def test_shortened() -> None:
    assert shorten("a\n b", 9) == "a b"
    assert shorten("word " * 50, 12) == "word word..."
    assert len(shorten("x" * 10**6, 20)) == 20


# --- bad input --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "problem"),
    [
        ("", "an empty prompt"),
        (" \t\n", "an empty prompt"),
        ("!!!", "no word in '!!!'"),
        ("_", "no word in '_'"),
        ("\N{GRINNING FACE}" * 500, "no word in '\N{GRINNING FACE}"),
        ("\x1b[;\x07", "no word in"),
        ("red \ud800", "not valid UTF-8"),
        (["red", "..."], "no word in '...'"),
        (["red"] * 5, "5 prompts for 3 samples"),
    ],
)
def test_what_says_nothing_is_refused_in_a_line(sentence: str | list[str], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        Text(SHADES, 8).parse(sentence, "text", Rows(0, 3))
    assert problem in str(caught.value)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("sentence", "start"),
    [
        ("red " * 10_000, ["red", "red"]),
        ("שיער אדום", ["?", "?"]),
        ("red \N{GRINNING FACE} hair", ["red", "hair"]),
        ("red\x00\x1b[2Jhair", ["red", "#2"]),
        ("\N{RIGHT-TO-LEFT OVERRIDE}red", ["red"]),
        ("7", ["#7"]),
    ],
)
def test_what_says_something_is_taken(sentence: str, start: list[str]) -> None:
    row = Text(SHADES, 8).parse(sentence, "text", Rows(0, 1))[0].tolist()
    assert said(row, SHADES)[: len(start)] == start


def test_describe_names_words() -> None:
    told = "a prompt of up to 8 words; known are "
    assert (
        Text(SHADES, 8).describe()
        == told + "hair, red, a, bird, blau, blonde, blue, ein ... (10 words)"
    )
    assert Text(("red", "hair", "#re"), 8).describe() == told + "red, hair"
    assert len(Text(tuple("x" * 200 + str(n) for n in range(9)), 8).describe()) < 150
    with pytest.raises(InputError, match="a prompt is needed .*; it knows hair, red, a"):
        Text(SHADES, 8).draw("text", Rows(0, 1))


# --- training ---------------------------------------------------------------------------------------------------------------


def facts() -> Facts:
    return Facts(name="shades", kind="images", count=3, sentences=SENTENCES)


def test_ways_to_spell() -> None:
    entries = ("red", "#r", "#e", "#d", "#re", "#red")
    index = index_entries(entries)
    assert [said(way, entries) for way in list_spellings("red", index)] == [
        ["#r", "#e", "#d"],
        ["#re", "#d"],
        ["#red"],
    ]
    assert list_spellings("rot", index) == [], "o and t are missing"
    assert said(spell("redred", index, 2), entries) == ["#re", "#d", "#re", "#d"]


def test_a_share_of_the_words_is_spelt() -> None:
    chosen = np.zeros(2000, dtype=np.int64)
    take = caption_taker(
        Captions(SHADES, 16, 0.3),
        Facts(name="x", kind="images", count=1, sentences=(("red hair",),)),
    )
    rows = [said(row, SHADES) for row in take(chosen, 0, 5).tolist()]
    whole = Counter(word for row in rows for word in row if not word.startswith("#"))
    for word in ("red", "hair"):
        assert abs(whole[word] / 2000 - 0.85) < 0.03, "every second word of 3 captions in 10"
    untouched = sum(row == ["red", "hair"] for row in rows)
    assert abs(untouched / 2000 - (0.7 + 0.3 / 4)) < 0.03
    assert {"".join(part.lstrip("#") for part in row) for row in rows} == {"redhair"}, (
        "whichever way, it says the same"
    )
    ways = Counter(tuple(row[:-1]) for row in rows if row[-1] == "hair" and row[0] != "red")
    assert set(ways) == {("#r", "#e", "#d"), ("#re", "#d"), ("#red",)}
    assert max(ways.values()) < 1.5 * min(ways.values())


def test_what_is_drawn_hangs_on_seed_and_place_alone() -> None:
    take = caption_taker(Captions(SHADES, 16, 0.5), facts())
    chosen = np.arange(3000) % 3
    whole = take(chosen, 0, 1).numpy()
    for start, size in ((0, 7), (1020, 9), (1023, 1), (500, 2100)):
        assert (
            take(chosen[start : start + size], start, 1).numpy() == whole[start : start + size]
        ).all()
    assert (take(chosen, 0, 2).numpy() != whole).any()
    assert (take(chosen, 0, 1).numpy() == whole).all(), "nothing is written into what is kept"
    never = caption_taker(Captions(SHADES, 16), facts())(chosen, 0, 1).numpy()
    assert {tuple(row) for row in never} == {
        tuple(encode(text, SHADES, 16)) for text in facts().captions()
    }


def test_spelling_is_cut_to_the_length() -> None:
    take = caption_taker(Captions(SHADES, 5, 1.0), facts())
    rows = take(np.arange(300) % 3, 0, 1)
    assert rows.shape == (300, 5)
    assert int((rows == PAD).any(dim=1).sum()) < 300


def test_choices_and_chances_are_even() -> None:
    drawn = choices(12, np.asarray([1, 3, 10] * 3000), 4)
    assert set(drawn[::3]) == {0}
    for place, size in ((1, 3), (2, 10)):
        counts = np.bincount(drawn[place::3], minlength=size)
        assert len(counts) == size
        assert np.abs(counts / 3000 - 1 / size).max() < 0.03
    uniform = chances(1000, 2000, 4, 0)
    assert uniform.shape == (2000, 4)
    assert abs(float(uniform.mean()) - 0.5) < 0.01
    assert (uniform[0] != uniform[1]).any()
