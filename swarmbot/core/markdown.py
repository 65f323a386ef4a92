"""Puts text that we did not write into Markdown that we did, and cuts it to size. Pure."""

from __future__ import annotations

import re

_FENCES = re.compile(r"`{3,}")
_ACTS = re.compile(
    r"(?<!\w)@(?=\w)"
    r"|\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)(?=:?\s+\S*(?:[#/]|GH-)\d)"
    r"|^[\w-]+-by(?=\s*:)"
    r"|\[(?=(?:skip ci|ci skip|no ci|skip actions|actions skip)\])"
    r"|^skip-checks(?=\s*:)",
    re.IGNORECASE | re.MULTILINE,
)
"""Mentions, closing words before a number, trailers that credit somebody, and what switches workflows off."""
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


def defused(text: str) -> str:
    """Return ``text`` with a zero-width space where GitHub would act on it; for places that know no code blocks."""
    return _ACTS.sub("\\g<0>\u200b", text)


def cut_bytes(text: str, most: int) -> str:
    """Return ``text`` cut to at most ``most`` bytes of UTF-8, never within a character, with an open fence closed."""
    if len(text.encode()) <= most:
        return text
    room = most - len(CUT.encode()) - 1
    closing = ""
    while True:
        kept = text.encode()[: max(0, room - len(closing))].decode(errors="ignore")
        fence = _open_fence(kept)
        if len(fence) <= len(closing):
            return f"{kept}\n{fence}{CUT}" if fence else kept + CUT
        closing = fence


def _open_fence(text: str) -> str:
    open_fence = ""
    for line in text.splitlines():
        if match := _FENCES.match(line):
            open_fence = "" if open_fence and line.strip() == open_fence else open_fence or match.group()
    return open_fence
