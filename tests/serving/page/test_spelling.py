"""Which frames type which letters, in the browser that runs it."""

from collections.abc import Callable
from typing import Any

import pytest

SPELL = """async ([frames, hold]) => {
  const { createSpeller, type } = await import("/page/spelling.js");
  const speller = createSpeller(hold);
  let text = "";
  for (const [sign, at] of frames) {
    const draws = sign.startsWith("draw ");
    const typed = draws ? speller.block([...sign.slice(5)], at) : speller.feed(sign, at);
    if (typed) text = type(text, typed);
  }
  return text;
}"""


Spell = Callable[..., str]


@pytest.fixture
def spell(modules: Any) -> Spell:
    """What is typed by signs with their number of frames, eight a second."""

    def typed(*signs: tuple[str, int], hold: int = 700, every: int = 125) -> str:
        frames = [sign for sign, count in signs for _ in range(count)]
        return str(modules.evaluate(SPELL, [[[sign, every * number] for number, sign in enumerate(frames)], hold]))

    return typed


def test_a_letter_is_typed_once_it_was_held_and_only_once(spell: Spell) -> None:
    assert spell(("A", 6)) == ""
    assert spell(("A", 7)) == "A"
    assert spell(("A", 80)) == "A"


def test_letters_in_passing_are_not_typed(spell: Spell) -> None:
    assert spell(("A", 8), ("X", 3), ("S", 4), ("B", 8)) == "AB"


def test_a_single_wrong_frame_neither_ends_a_hold_nor_types_a_letter_twice(spell: Spell) -> None:
    assert spell(("A", 4), ("S", 1), ("A", 2)) == "A"
    assert spell(("A", 8), ("S", 1), ("A", 20), ("unsure", 1), ("A", 20)) == "A"


def test_two_wrong_frames_begin_the_hold_anew(spell: Spell) -> None:
    assert spell(("A", 5), ("S", 2), ("A", 5)) == ""


@pytest.mark.parametrize("between", ["nothing", "unsure", "moving", "S"])
def test_a_double_letter_needs_a_short_release(spell: Spell, between: str) -> None:
    assert spell(("L", 8), (between, 3), ("L", 9)) == "LL"
    assert spell(("L", 8), (between, 1), ("L", 9)) == "L"


@pytest.mark.parametrize("sign", ["nothing", "unsure", "moving", "still"])
def test_what_is_no_letter_is_never_typed(spell: Spell, sign: str) -> None:
    assert spell((sign, 40)) == ""


def test_space_and_del_do_what_they_say(spell: Spell) -> None:
    signs = ("A", 8), ("space", 8), ("B", 8), ("X", 8), ("del", 8), ("C", 8)
    assert spell(*signs) == "A BC"
    assert spell(("del", 8), ("A", 8)) == "A"


def test_the_hold_can_be_set(spell: Spell) -> None:
    assert spell(("A", 8), hold=1500) == ""
    assert spell(("A", 14), hold=1500) == "A"


def test_a_slow_server_types_after_three_frames_that_agree(spell: Spell) -> None:
    assert spell(("A", 2), every=1500) == ""
    assert spell(("A", 3), every=1500) == "A"


def test_the_hand_shape_of_a_drawn_letter_is_typed_only_after_a_release(spell: Spell) -> None:
    assert spell(("I", 3), ("draw JIY", 1), ("I", 20)) == ""
    assert spell(("I", 3), ("draw JIY", 1), ("I", 2), ("nothing", 4), ("I", 9)) == "I"
    assert spell(("I", 3), ("draw JIY", 1), ("A", 9)) == "A"
