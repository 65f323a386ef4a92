"""Puts text that we did not write into Markdown that we did, and cuts it to size. Pure."""

from __future__ import annotations

import re

_FENCES = re.compile(r"`{3,}")
CUT = "\n\n… (cut here)"


def fenced(text: str, language: str = "text") -> str:
    """Return ``text`` as a code block that it cannot leave: mentions, commands and closing words in it stay words."""
    longest = max((len(run) for run in _FENCES.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def code(text: str, most: int = 200) -> str:
    """Return ``text`` as inline code on one line, cut to ``most`` characters."""
    line = " ".join(text.split()).replace("`", "'")
    return f"`{line[: most - 1]}…`" if len(line) > most else f"`{line}`"


def one_line(text: str, most: int) -> str:
    """Return ``text`` as one printable line of at most ``most`` characters; for titles and commit subjects."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def cut_bytes(text: str, most: int) -> str:
    """Return ``text`` cut to at most ``most`` bytes of UTF-8, never within a character, with an open fence closed."""
    if len(text.encode()) <= most:
        return text
    room = most - len(CUT.encode()) - 16
    kept = text.encode()[:room].decode(errors="ignore")
    open_fence = ""
    for line in kept.splitlines():
        if match := _FENCES.match(line):
            open_fence = "" if open_fence and line.strip() == open_fence else open_fence or match.group()
    return f"{kept}\n{open_fence}{CUT}" if open_fence else kept + CUT
