"""The screen that a program draws on: bytes in, rendered rows and the terminal's own answers out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyghostty import Terminal, ffi

from swarmbot.core.screen import Screen

_APPLICATION_CURSOR, _SYNCHRONIZED, _BRACKETED_PASTE = 1, 2026, 2004
_FOREGROUND, _BACKGROUND = (0xE6, 0xE6, 0xE6), (0x10, 0x10, 0x10)
"""Questions about colours (OSC 10 and 11) are answered only if there are some."""


class VirtualScreen:
    """A terminal emulator without a window.

    ``on_reply`` gets the bytes that answer the program's questions to its terminal (cursor position, attributes,
    colours, version); they belong into the program's input at once, for some agents quit without them. It is called
    from within :meth:`feed`.
    """

    def __init__(self, cols: int, rows: int, on_reply: Callable[[bytes], None]) -> None:
        # Nothing reads what has scrolled away, and keeping it costs 780 KB a terminal.
        self._terminal = Terminal(cols, rows, scrollback=0, fg=_FOREGROUND, bg=_BACKGROUND)
        self._terminal.on_reply(on_reply)
        self._snapshot: Screen | None = None

    def feed(self, data: bytes) -> None:
        """Draw what the program wrote; sequences and characters may be cut anywhere."""
        self._terminal.feed(data)
        self._snapshot = None

    @property
    def drawing(self) -> bool:
        """Whether the program is in the middle of a frame (synchronized update, mode 2026)."""
        return bool(self._terminal.mode(_SYNCHRONIZED))

    def snapshot(self) -> Screen:
        """Return what is visible now. Costs some 0.1 ms at 120x40 after new output, nothing without."""
        if self._snapshot is None:
            self._snapshot = Screen(
                rows=tuple(self._terminal.text().split("\n")),
                cursor=self._terminal.cursor,
                title=_string(self._terminal.get("title", "GhosttyString")),
                cursor_visible=self._terminal.mode(25),
                bracketed_paste=self._terminal.mode(_BRACKETED_PASTE),
                application_cursor=self._terminal.mode(_APPLICATION_CURSOR),
            )
        return self._snapshot

    def resize(self, cols: int, rows: int) -> None:
        """Change the size in cells."""
        self._terminal.resize(cols, rows)
        self._snapshot = None


def _string(value: Any) -> str:
    return bytes(ffi.buffer(value.ptr, value.len)).decode(errors="replace") if value.len else ""


def warm() -> None:
    """Load the emulator and draw once, which blocks for 0.1 to 0.3 s: at a worker's start, not in its first job."""
    VirtualScreen(80, 24, lambda _: None).snapshot()
