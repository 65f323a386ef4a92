"""Menus and prompts as they are found on a screen; whole screens stand in ``tests/screens``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmbot.core.agent_file import parse
from swarmbot.core.answers import Reading, read, summary
from swarmbot.core.menus import Menu, find_menu
from swarmbot.core.prompts import Prompt
from swarmbot.core.screen import Screen
from tests.core.stage import AGENT, edit

SPEC = parse(AGENT, source="stage")
BASH = parse(
    AGENT + "[[rule]]\nname = 'run'\nwhen = ['Bash command', 'proceed\\?$']\nchoose = '^Yes$'\n", source="bash"
)


def reading(*rows: str, cursor: tuple[int, int] = (0, 0)) -> Reading:
    return read(Screen(rows, cursor), SPEC)


@pytest.mark.parametrize(
    ("rows", "menu"),
    [
        (("❯ 1. Yes", "  2. No"), Menu(("Yes", "No"), 0, 0, 1)),
        (("  1. Yes", "❯ 2. No"), Menu(("Yes", "No"), 1, 0, 1)),
        (("❯ Yes", "  No"), Menu(("Yes", "No"), 0, 0, 1)),
        (("● Yes", "  No"), Menu(("Yes", "No"), 0, 0, 1)),
        (("› 1) Yes", "  2) No"), Menu(("Yes", "No"), 0, 0, 1)),
        (("❯ 1. Yes", "     and more", "  2. No"), Menu(("Yes and more", "No"), 0, 0, 2)),
        (("Which?", "   ❯ a", "     b", "   c"), Menu(("a", "b"), 0, 1, 2)),
        (("❯ a", "  b", "", "❯ c", "  d"), Menu(("c", "d"), 0, 3, 4)),
        (("❯ Yes",), None),
        (("❯", "  text"), None),
        (("❯ Yes", "", "  No"), None),
        (("Yes", "No"), None),
        ((), None),
    ],
)
def test_menus(rows: tuple[str, ...], menu: Menu | None) -> None:
    assert find_menu(rows) == menu


@pytest.mark.parametrize(("selected", "target", "moves"), [(0, 0, ()), (0, 2, ("down", "down")), (2, 1, ("up",))])
def test_moves(selected: int, target: int, moves: tuple[str, ...]) -> None:
    assert Prompt("r", "t", ("a", "b", "c"), selected, target).moves == moves


def test_a_spinner_gives_equal_readings() -> None:
    assert reading("✶ 1s", "", *edit()) == reading("✻ 2s", "", *edit())
    assert reading("✶ Working… (1s · esc to interrupt)", "❯") == reading("· Reading… (9s · esc to interrupt)", "❯")


def test_a_prompt_with_other_words_is_another_prompt() -> None:
    first, second = reading(*edit("a.py")).prompt, reading(*edit("b.py")).prompt
    assert first
    assert second
    assert first.identity != second.identity


def test_the_selection_does_not_make_another_prompt() -> None:
    first, second = reading(*edit()).prompt, reading(*edit(selected=1)).prompt
    assert first
    assert second
    assert first.identity == second.identity


def test_a_prompt_is_found_at_the_top_of_an_empty_screen_and_not_far_up() -> None:
    assert reading(*edit(), "", "", "").prompt
    below = tuple(f"line {n}" for n in range(20))
    assert reading(*edit(), *below).prompt is None


@pytest.mark.parametrize(
    ("command", "rule"), [("pytest -q", "run"), ("rm -rf build", ""), ("git push -f", ""), ("docker login", "")]
)
def test_a_rule_for_commands_answers_only_those_that_are_not_refused(command: str, rule: str) -> None:
    rows = ("Bash command", "", f"  {command}", "", "Do you want to proceed?", "❯ 1. Yes", "  2. No")
    prompt = read(Screen(rows), BASH).prompt
    assert prompt
    assert prompt.rule == rule


def test_what_stands_above_the_prompts_own_words_is_not_held_against_it() -> None:
    prompt = reading("  12 + rm -rf build", *edit()).prompt
    assert prompt
    assert prompt.rule == "edit"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (("● First.", "● Last words", "  go on here.", "", "❯"), "Last words go on here."),
        (("● Only", "❯"), "Only"),
        (("nothing",), ""),
        ((), ""),
    ],
)
def test_the_summary_is_what_the_agent_said_last(rows: tuple[str, ...], said: str) -> None:
    assert summary(Screen(rows), SPEC) == said


@given(
    st.lists(st.text(alphabet=st.sampled_from("❯›│ ab12.)?[]Yn/✻●"), max_size=12), max_size=20),
    st.tuples(st.integers(-1, 30), st.integers(-1, 30)),
)
def test_any_screen_is_read(rows: list[str], cursor: tuple[int, int]) -> None:
    found = reading(*rows, cursor=cursor).prompt
    if found and found.options:
        assert 0 <= found.selected < len(found.options)
        assert 0 <= found.target < len(found.options)
