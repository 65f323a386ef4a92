"""The screen: rendered rows, modes, frames, and the answers to a program's questions."""

from __future__ import annotations

from swarmbot.terminal.screen import VirtualScreen


def test_rows_cursor_and_modes() -> None:
    screen = VirtualScreen(20, 5, lambda _: None)
    screen.feed(b"\r\n  two \x1b[31mred\x1b[0m  \r\nthree\x1b[?2004h\x1b[?1h")
    shown = screen.snapshot()
    assert shown.rows == ("", "  two red", "three")
    assert shown.cursor == (5, 2)
    assert shown.bracketed_paste
    assert shown.application_cursor


def test_snapshot_is_kept_until_the_next_output() -> None:
    screen = VirtualScreen(20, 5, lambda _: None)
    screen.feed(b"one")
    first = screen.snapshot()
    assert screen.snapshot() is first
    screen.feed(b" two")
    assert screen.snapshot().rows == ("one two",)


def test_what_scrolls_away_is_gone() -> None:
    screen = VirtualScreen(20, 3, lambda _: None)
    screen.feed(b"\r\n".join(b"line %d" % n for n in range(9)))
    assert screen.snapshot().rows == ("line 6", "line 7", "line 8")


def test_characters_and_sequences_may_be_cut_anywhere() -> None:
    drawn = "\x1b[1;32m❯ größer 漢字 🙂\x1b[0m".encode()
    screen = VirtualScreen(40, 3, lambda _: None)
    for byte in drawn:
        screen.feed(bytes([byte]))
    assert screen.snapshot().rows == ("❯ größer 漢字 🙂",)


def test_questions_to_the_terminal_are_answered() -> None:
    replies: list[bytes] = []
    screen = VirtualScreen(20, 5, replies.append)
    screen.feed(b"\r\nab\x1b[6n\x1b[c\x1b]11;?\x1b\\")
    assert replies[0] == b"\x1b[2;3R"
    assert replies[1].startswith(b"\x1b[?62")
    assert replies[2].startswith(b"\x1b]11;rgb:")


def test_a_frame_is_seen_while_it_is_drawn() -> None:
    screen = VirtualScreen(20, 5, lambda _: None)
    screen.feed(b"\x1b[?2026hhalf")
    assert screen.drawing
    screen.feed(b" whole\x1b[?2026l")
    assert not screen.drawing


def test_resize() -> None:
    screen = VirtualScreen(20, 5, lambda _: None)
    screen.feed(b"0123456789")
    screen.resize(5, 5)
    assert screen.snapshot().rows == ("01234", "56789")
