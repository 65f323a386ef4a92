"""What a terminal shows at one moment, and the names of the keys that can be pressed in it."""

from __future__ import annotations

import msgspec

KEYS: dict[str, bytes] = {
    "enter": b"\r",
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "esc": b"\x1b",
    "tab": b"\t",
    "space": b" ",
    "backspace": b"\x7f",
    "ctrl-c": b"\x03",
}
"""Named keys and the bytes a terminal sends for them (xterm, normal cursor mode)."""

PASTE_START, PASTE_END = b"\x1b[200~", b"\x1b[201~"


class Screen(msgspec.Struct, frozen=True):
    """A rendered screen: what a person in front of the terminal would see."""

    rows: tuple[str, ...]
    """The visible rows from the top, line ends trimmed, trailing blank rows left out."""
    cursor: tuple[int, int] = (0, 0)
    """Column and row of the cursor, both from 0."""
    title: str = ""
    """The title that the program gave its window."""
    cursor_visible: bool = True
    bracketed_paste: bool = False
    """Whether the program switched bracketed paste on (mode 2004)."""
    application_cursor: bool = False
    """Whether arrows are sent as ``ESC O A`` instead of ``ESC [ A`` (mode 1)."""

    def bottom(self, count: int) -> tuple[str, ...]:
        """Return the last ``count`` rows that are not blank, in their order on the screen."""
        found = [row for row in self.rows if row.strip()]
        return tuple(found[-count:])


def encode_keys(names: tuple[str, ...], *, application_cursor: bool = False) -> bytes:
    """Turn key names into the bytes that a terminal sends; what is no name is sent as it is.

    ``application_cursor`` selects ``ESC O`` for arrows, which a program asks for with mode 1.
    """
    sent = b"".join(KEYS.get(name, name.encode()) for name in names)
    if application_cursor:
        for arrow in b"ABCD":
            sent = sent.replace(b"\x1b[%c" % arrow, b"\x1bO%c" % arrow)
    return sent


def encode_paste(text: str, *, bracketed: bool) -> bytes:
    """Turn a task into the bytes of one paste.

    Escape and other control characters are taken out, so that a task can neither end the paste early nor press
    keys; newlines become carriage returns, as terminals send them. Without bracketed paste a newline would
    submit, so lines are joined by spaces then.
    """
    clean = "".join(char for char in text if char in "\n\t" or (char >= " " and not "\x7f" <= char <= "\x9f"))
    if not bracketed:
        return " ".join(clean.split("\n")).encode()
    return PASTE_START + clean.replace("\n", "\r").encode() + PASTE_END
