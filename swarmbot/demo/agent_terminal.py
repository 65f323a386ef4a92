"""The demo agent's side of its terminal: raw mode, keys and pastes in, a redrawn region at the bottom out."""

from __future__ import annotations

import os
import re
import select
import termios
import time
import tty
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self

ANSWER_WITHIN_S = 2.0
"""How long the terminal may take to say what and where it is; real agents quit as well."""

_ESCAPE_WAIT_S = 0.05
_PASTE_START, _PASTE_END = b"\x1b[200~", b"\x1b[201~"
_SEQUENCE = re.compile(rb"\x1b(?:\[[0-9;?>=]*[ -/]*([@-~])|O([A-D]))")
_ARROWS = {b"A": "up", b"B": "down", b"C": "right", b"D": "left"}
_PLAIN = {"\r": "enter", "\n": "newline", "\t": "tab", "\x7f": "backspace", "\x1b": "esc", "\x03": "ctrl-c"}


class Input(NamedTuple):
    """Something that came in: ``key`` with its name, ``text`` or ``paste`` with what it says, or a ``reply``."""

    kind: str
    text: str


class NoAnswer(Exception):
    """The terminal did not answer a question that every terminal answers."""


class AgentTerminal:
    """A terminal in raw mode with a region at the bottom that is drawn over and over, and lines above it that stay."""

    def __init__(self, stdin: int = 0, stdout: int = 1) -> None:
        self._stdin, self._stdout = stdin, stdout
        self._pending = b""
        self._live: tuple[str, ...] = ()
        self._before: list[int | list[bytes | int]] = []

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(self._stdin)
        tty.setraw(self._stdin)
        self._write("\x1b[?2004h\x1b[?25l")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.draw(())
        self._write("\x1b[?2004l\x1b[?25h")
        termios.tcsetattr(self._stdin, termios.TCSADRAIN, self._before)

    def meet(self) -> None:
        """Ask the terminal for its attributes and its cursor. Raises :class:`NoAnswer`."""
        self._write("\x1b[c\x1b[6n")
        missing, deadline = {"c", "R"}, time.monotonic() + ANSWER_WITHIN_S
        while missing:
            left = deadline - time.monotonic()
            if left <= 0:
                raise NoAnswer("The terminal did not say where its cursor is within 2 s. Run this in a real terminal.")
            missing -= {event.text[-1] for event in self.read(left) if event.kind == "reply"}

    @property
    def width(self) -> int:
        """The terminal's columns."""
        return os.get_terminal_size(self._stdout).columns or 80

    def draw(self, live: Sequence[str], said: Sequence[str] = ()) -> None:
        """Draw ``live`` as the region at the bottom, in one synchronized frame; ``said`` stays above it for good."""
        up = f"\x1b[{len(self._live) - 1}A" if len(self._live) > 1 else ""
        cut = [line[: self.width] for line in live]
        text = "".join(f"{line}\r\n" for line in said) + "\r\n".join(cut)
        self._write(f"\x1b[?2026h\r{up}\x1b[J{text}\x1b[?2026l")
        self._live = tuple(cut)

    def drop_input(self) -> None:
        """Forget what was typed so far: it was meant for something that is not on the screen any more."""
        termios.tcflush(self._stdin, termios.TCIFLUSH)
        self._pending = b""

    def read(self, seconds: float) -> list[Input]:
        """Return what comes in, after ``seconds`` at the latest; an empty list then."""
        self._receive(seconds)
        found: list[Input] = []
        while self._pending:
            if self._pending.startswith(b"\x1b") and not _SEQUENCE.match(self._pending):
                self._receive(_ESCAPE_WAIT_S)  # the key Esc, or the beginning of another one
            if (event := self._take()) is None:
                break
            found.append(event)
        return found

    def _receive(self, seconds: float) -> bool:
        if not select.select([self._stdin], [], [], max(0.0, seconds))[0]:
            return False
        data = os.read(self._stdin, 65536)
        if not data:
            raise EOFError("The terminal was closed.")
        self._pending += data
        return True

    def _take(self) -> Input | None:
        """Take one event off what is pending; None if its rest is still on the way."""
        if self._pending.startswith(_PASTE_START):
            end = self._pending.find(_PASTE_END)
            if end < 0:
                return None
            text = self._cut(end + len(_PASTE_END))[len(_PASTE_START) : end]
            return Input("paste", text.decode(errors="replace").replace("\r", "\n"))
        if found := _SEQUENCE.match(self._pending):
            final = found[1] or found[2]
            said = self._cut(found.end()).decode()
            return Input("key", _ARROWS[final]) if final in _ARROWS else Input("reply", said)
        first = self._pending[0]
        size = next(n for n, low in ((4, 0xF0), (3, 0xE0), (2, 0xC0), (1, 0)) if first >= low)
        if len(self._pending) < size:
            return None
        char = self._cut(size).decode(errors="replace")
        return Input("key", _PLAIN[char]) if char in _PLAIN else Input("text", char)

    def _cut(self, size: int) -> bytes:
        cut, self._pending = self._pending[:size], self._pending[size:]
        return cut

    def _write(self, text: str) -> None:
        data = text.encode()
        while data:
            data = data[os.write(self._stdout, data) :]
