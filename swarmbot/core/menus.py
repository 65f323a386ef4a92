"""Rows of a screen, and the menus that programs draw in them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from swarmbot.core.agent_spec import MARKS

_BORDER = "│┃|║"
_BLANK_TABLE = str.maketrans(dict.fromkeys(_BORDER, " "))
_NUMBER = re.compile(r"^\d{1,2}[.)]\s+")


class Menu(msgspec.Struct, frozen=True):
    """A list of options with one of them selected."""

    options: tuple[str, ...]
    """What the options say, without numbers, marks and borders."""
    selected: int
    first_row: int
    last_row: int


@lru_cache(maxsize=512)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern of an agent file, in which ``^`` and ``$`` hold at each row."""
    return re.compile(pattern, re.MULTILINE)


def find_menu(rows: Sequence[str], top: int = 0, *, not_a_mark: str = "") -> Menu | None:
    """Find the lowest menu from row ``top`` on: one marked row and at least one more that stands in its column.

    ``rows`` come without borders. A row further right continues the option above it; a blank row or one further
    left ends the menu. A row that matches ``not_a_mark`` is the agent speaking, whatever it begins with.
    """
    spoken = compiled(not_a_mark) if not_a_mark else None
    for marked in range(len(rows) - 1, top - 1, -1):
        bare = rows[marked].lstrip()
        if bare[:1] not in MARKS or not bare[1:].strip() or (spoken and spoken.match(rows[marked])):
            continue
        column = len(rows[marked]) - len(bare[1:].lstrip())
        first = marked
        while first > top and _column(rows[first - 1]) >= column:
            first -= 1
        last = marked
        while last + 1 < len(rows) and _column(rows[last + 1]) >= column:
            last += 1
        # Where options are numbered, rows without a number in their column are what stands around the menu.
        numbered = bool(_NUMBER.match(bare[1:].lstrip()))
        inside = [i for i in range(first, last + 1) if i == marked or _column(rows[i]) == column]
        starts = [i for i in inside if i == marked or not numbered or _NUMBER.match(rows[i].lstrip())]
        if len(starts) > 1:
            last = next((i - 1 for i in inside if i > starts[-1]), last)
            ends = [*starts[1:], last + 1]
            options = tuple(_option(rows[a:b]) for a, b in zip(starts, ends, strict=True))
            return Menu(options, starts.index(marked), starts[0], last)
    return None


def _option(rows: Sequence[str]) -> str:
    return _NUMBER.sub("", fold(rows).lstrip(MARKS).lstrip())


def _column(row: str) -> int:
    return len(row) - len(row.lstrip()) if row.strip() else -1


def rows_below(rows: Sequence[str], row: int) -> int:
    """Return how many rows under ``row`` are not blank."""
    return sum(1 for text in rows[row + 1 :] if text.strip())


def top_of_bottom(rows: Sequence[str], count: int) -> int:
    """Return the first of the last ``count`` rows that are not blank."""
    seen = 0
    for index in range(len(rows) - 1, -1, -1):
        if rows[index].strip():
            seen += 1
            if seen == count:
                return index
    return 0


def fold(rows: Sequence[str]) -> str:
    """Join rows, white space folded."""
    return " ".join(" ".join(rows).split())


def strip_borders(rows: Sequence[str]) -> list[str]:
    """Blank the vertical lines of boxes at both ends of each row, keeping every column where it is."""
    return [_strip_border(row) for row in rows]


def _strip_border(row: str) -> str:
    inner = row.strip(" " + _BORDER)
    if not inner:
        return ""
    start = row.index(inner)
    return row[:start].translate(_BLANK_TABLE) + inner
