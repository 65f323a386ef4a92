"""Keys and pastes as the bytes that a terminal sends: a task can neither end its paste nor press a key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmbot.core.screen import KEYS, PASTE_END, PASTE_START, Screen, encode_keys, encode_paste


@pytest.mark.parametrize(
    ("names", "sent"),
    [
        (("enter",), b"\r"),
        (("down", "down", "enter"), b"\x1b[B\x1b[B\r"),
        (("ctrl-c",), b"\x03"),
        (("y",), b"y"),
        (tuple("/exit"), b"/exit"),
        (("é",), "é".encode()),
        ((), b""),
    ],
)
def test_keys(names: tuple[str, ...], sent: bytes) -> None:
    assert encode_keys(names) == sent


def test_arrows_are_sent_as_the_program_asked_for_them() -> None:
    arrows = ("up", "down", "right", "left")
    assert encode_keys(arrows) == b"\x1b[A\x1b[B\x1b[C\x1b[D"
    assert encode_keys(arrows, application_cursor=True) == b"\x1bOA\x1bOB\x1bOC\x1bOD"


def test_every_named_key_sends_something() -> None:
    assert all(KEYS.values())
    assert len(set(KEYS.values())) == len(KEYS)


def test_a_paste_in_one_piece() -> None:
    assert encode_paste("Fix it.\n\tNow\n", bracketed=True) == b"\x1b[200~Fix it.\r\tNow\r\x1b[201~"


def test_without_bracketed_paste_no_newline_submits() -> None:
    assert encode_paste("Fix\nit", bracketed=False) == b"Fix it"


@pytest.mark.parametrize(
    "task",
    ["a\x1b[201~\rb", "a\x1b[20\x1b[201~1~b", "\x9b201~\r", "\r\x03\x04\x1a", "a\x00\x7fb", "\x1b\x1b\x1b", "\u0085"],
)
@pytest.mark.parametrize("bracketed", [True, False])
def test_a_task_cannot_end_its_paste_or_press_a_key(task: str, bracketed: bool) -> None:
    sent = encode_paste(task, bracketed=bracketed)
    inside = sent.removeprefix(PASTE_START).removesuffix(PASTE_END).decode()
    assert all(char >= " " and not "\x7f" <= char <= "\x9f" for char in inside)


@given(st.text(), st.booleans())
def test_no_task_ever_does(task: str, bracketed: bool) -> None:
    sent = encode_paste(task, bracketed=bracketed)
    inside = sent.removeprefix(PASTE_START).removesuffix(PASTE_END)
    assert b"\x1b" not in inside
    assert b"\x03" not in inside
    assert inside.count(b"\r") == (task.count("\n") if bracketed else 0)


@pytest.mark.parametrize(
    ("rows", "count", "bottom"),
    [
        ((), 3, ()),
        (("a", "", "b", " ", "c"), 2, ("b", "c")),
        (("a", "", "b"), 9, ("a", "b")),
        (("", " "), 3, ()),
    ],
)
def test_the_bottom_is_what_is_not_blank(rows: tuple[str, ...], count: int, bottom: tuple[str, ...]) -> None:
    assert Screen(rows).bottom(count) == bottom
