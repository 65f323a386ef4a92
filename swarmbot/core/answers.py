"""What one screen says, read with an agent's patterns: busy, ready, done, a prompt with its menu. Pure.

A reading holds only what decides. Two screens that differ in a spinner give equal readings, so the session can ask
"has the reading held?" where asking "is the screen still?" would wait for an animation to end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from swarmbot.core.agent_spec import MARKS, ROWS_BELOW, AgentSpec, Rule
from swarmbot.core.screen import Screen

NEAR_BOTTOM = 15
"""A prompt counts within so many non-blank rows from the bottom: Codex draws at the top of an empty screen."""

QUESTION_ROWS = 5
"""How many rows above an unknown prompt are taken for its question."""

_BORDER = "│┃|║"
_BLANK_TABLE = str.maketrans(dict.fromkeys(_BORDER, " "))
_NUMBER = re.compile(r"^\d{1,2}[.)]\s+")
_YES_NO = re.compile(r"[\[(](?:y(?:es)?/n(?:o)?)(?:/[^\])]*)?[\])]\W*$", re.IGNORECASE)


class Menu(msgspec.Struct, frozen=True):
    """A list of options with one of them selected."""

    options: tuple[str, ...]
    """What the options say, without numbers, marks and borders."""
    selected: int
    first_row: int
    last_row: int


class Prompt(msgspec.Struct, frozen=True):
    """Something that the agent asks, and the rule that may answer it (none: a person has to)."""

    rule: str
    text: str
    """The rows of the prompt, white space folded; with ``options`` it tells one drawing from another."""
    options: tuple[str, ...] = ()
    selected: int = 0
    target: int = 0
    """The option that the rule chooses."""
    keys: tuple[str, ...] = ()
    """What to press where there is no menu."""

    @property
    def identity(self) -> tuple[str, str, tuple[str, ...]]:
        """What stays the same while the selection moves."""
        return (self.rule, self.text, self.options)

    @property
    def moves(self) -> tuple[str, ...]:
        """The arrows from the selected option to the one to choose."""
        distance = self.target - self.selected
        return ("down",) * distance if distance >= 0 else ("up",) * -distance


class Reading(msgspec.Struct, frozen=True):
    """All that the session needs to know of one screen."""

    busy: bool = False
    ready: bool = False
    done_marks: int = 0
    """How many lines say that a task is done; more than before the task was sent is evidence."""
    prompt: Prompt | None = None


@lru_cache(maxsize=256)
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)


def read(screen: Screen, spec: AgentSpec) -> Reading:
    """Read ``screen`` as the agent ``spec`` draws it."""
    rows = [_strip_border(row) for row in screen.rows]
    top = _top_of_bottom(rows, NEAR_BOTTOM)
    prompt = _prompt(rows, top, screen, spec)
    if spec.screen is None:
        return Reading(busy=prompt is None, prompt=prompt)
    near = "\n".join(rows[_top_of_bottom(rows, spec.screen.rows) :])
    return Reading(
        busy=prompt is None and bool(_compile(spec.screen.busy).search(near)),
        ready=bool(_compile(spec.screen.ready).search(near)),
        done_marks=len(_compile(spec.screen.done).findall("\n".join(rows))) if spec.screen.done else 0,
        prompt=prompt,
    )


def summary(screen: Screen, spec: AgentSpec) -> str:
    """Return what the agent said last, one paragraph without its mark; empty where the spec does not tell."""
    if spec.screen is None or not spec.screen.says:
        return ""
    says = _compile(spec.screen.says)
    starts = [index for index, row in enumerate(screen.rows) if says.match(row)]
    if not starts:
        return ""
    rows = [screen.rows[starts[-1]]]
    for row in screen.rows[starts[-1] + 1 :]:
        if not row.startswith(" "):
            break
        rows.append(row)
    return " ".join(says.sub("", "\n".join(rows), count=1).split())


def _prompt(rows: Sequence[str], top: int, screen: Screen, spec: AgentSpec) -> Prompt | None:
    menu = find_menu(rows, top, not_a_mark=spec.screen.says if spec.screen else "")
    cursor_row = screen.cursor[1]
    at_cursor = rows[cursor_row][: screen.cursor[0]] if top <= cursor_row < len(rows) else ""
    for rule in spec.rule:
        found = _by_menu(rule, rows, top, menu) if rule.choose else _by_cursor(rule, rows, top, cursor_row, at_cursor)
        if found:
            # Without words of its own a prompt is judged by what stands right above it.
            near = () if rule.when else rows[max(top, cursor_row - QUESTION_ROWS) : cursor_row]
            return _refuse(found, spec, _fold(near))
    if menu and _rows_below(rows, menu.last_row) <= ROWS_BELOW and _asks(rows, top, menu):
        text = _fold(rows[max(top, menu.first_row - QUESTION_ROWS) : menu.first_row])
        return Prompt("", text, options=menu.options, selected=menu.selected)
    if at_cursor and _YES_NO.search(at_cursor) and _rows_below(rows, cursor_row) == 0:
        return Prompt("", _fold(rows[max(top, cursor_row - QUESTION_ROWS) : cursor_row + 1]))
    return None


def _by_menu(rule: Rule, rows: Sequence[str], top: int, menu: Menu | None) -> Prompt | None:
    if menu is None or _rows_below(rows, menu.last_row) > rule.below:
        return None
    text = _own_words(rule.when, rows, top, menu.first_row)
    if text is None:
        return None
    for index, option in enumerate(menu.options):
        if _compile(rule.choose).search(option):
            return Prompt(rule.name, text, options=menu.options, selected=menu.selected, target=index)
    return None


def _by_cursor(rule: Rule, rows: Sequence[str], top: int, cursor_row: int, at_cursor: str) -> Prompt | None:
    if not at_cursor or not _compile(rule.at_cursor).search(at_cursor) or _rows_below(rows, cursor_row) > rule.below:
        return None
    text = _own_words(rule.when, rows, top, cursor_row)
    return None if text is None else Prompt(rule.name, _fold((text, at_cursor)), keys=rule.keys)


def _own_words(patterns: Sequence[str], rows: Sequence[str], top: int, end: int) -> str | None:
    """Return the fewest rows above ``end`` in which all patterns are found, folded: the words of the prompt itself.

    What stands above them (a spinner, a diff) neither makes it another drawing nor has to do with its danger.
    """
    if not patterns:
        return ""
    for first in range(end - 1, top - 1, -1):
        text = _fold(rows[first:end])
        if all(_compile(pattern).search(text) for pattern in patterns):
            return text
    return None


def _refuse(prompt: Prompt, spec: AgentSpec, near: str) -> Prompt:
    """Take the rule off a prompt that speaks of what only people decide."""
    if spec.refused.search(" ".join((near, prompt.text, *prompt.options))):
        return msgspec.structs.replace(prompt, rule="")
    return prompt


def find_menu(rows: Sequence[str], top: int = 0, *, not_a_mark: str = "") -> Menu | None:
    """Find the lowest menu from row ``top`` on: one marked row and at least one more that stands in its column.

    ``rows`` come without borders. A row further right continues the option above it; a blank row or one further
    left ends the menu. A row that matches ``not_a_mark`` is the agent speaking, whatever it begins with.
    """
    spoken = _compile(not_a_mark) if not_a_mark else None
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
        starts = [i for i in range(first, last + 1) if i == marked or _column(rows[i]) == column]
        if len(starts) > 1:
            ends = [*starts[1:], last + 1]
            options = tuple(_option(rows[a:b]) for a, b in zip(starts, ends, strict=True))
            return Menu(options, starts.index(marked), starts[0], last)
    return None


def _option(rows: Sequence[str]) -> str:
    return _NUMBER.sub("", _fold(rows).lstrip(MARKS).lstrip())


def _asks(rows: Sequence[str], top: int, menu: Menu) -> bool:
    """Tell a menu that waits for an answer from a list in the agent's words: a question or a hint for keys is near."""
    above, below = _fold(rows[top : menu.first_row]), _fold(rows[menu.last_row + 1 :])
    return above.endswith("?") or bool(re.search(r"\b(enter|esc|space)\b", below, re.IGNORECASE))


def _column(row: str) -> int:
    return len(row) - len(row.lstrip()) if row.strip() else -1


def _rows_below(rows: Sequence[str], row: int) -> int:
    return sum(1 for text in rows[row + 1 :] if text.strip())


def _top_of_bottom(rows: Sequence[str], count: int) -> int:
    seen = 0
    for index in range(len(rows) - 1, -1, -1):
        if rows[index].strip():
            seen += 1
            if seen == count:
                return index
    return 0


def _fold(rows: Sequence[str]) -> str:
    return " ".join(" ".join(rows).split())


def _strip_border(row: str) -> str:
    """Blank a box's vertical lines at both ends, keeping every column where it is."""
    inner = row.strip(" " + _BORDER)
    if not inner:
        return ""
    start = row.index(inner)
    return row[:start].translate(_BLANK_TABLE) + inner
