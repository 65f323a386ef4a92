"""Finds the prompt on a screen: one that a rule of the agent's file knows, or another that waits for people. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from swarmbot.core.agent_spec import NEAR_BOTTOM, ROWS_BELOW, AgentSpec, Rule
from swarmbot.core.menus import Menu, compiled, find_menu, fold, rows_below, top_of_bottom

QUESTION_ROWS = 5
"""How many rows above an unknown prompt are taken for its question."""

_YES_NO = re.compile(
    r"(?:[\[(](?:y(?:es)?/n(?:o)?)(?:/[^\])]*)?[\])]|\(y\)es/\(n\)o(?:/[^\[]*)?\s*(?:\[\w+\])?)\W*$", re.IGNORECASE
)
"""How programs end a question that is answered by a letter; some write ``(Y)es/(N)o [Yes]:``."""
_KEY_HINT = re.compile(r"\b(enter|esc|space)\b", re.IGNORECASE)


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


class Finder:
    """Looks for the prompt on one screen. ``rows`` come without borders; ``cursor`` is column and row, from 0."""

    def __init__(self, rows: Sequence[str], cursor: tuple[int, int], spec: AgentSpec) -> None:
        self._rows, self._cursor, self._spec = rows, cursor, spec
        self._menus: dict[int, Menu | None] = {}

    def find(self) -> Prompt | None:
        """Return the prompt, without a rule where only people may answer; None where nothing is asked."""
        for rule in self._spec.rule:
            top = top_of_bottom(self._rows, rule.rows)
            found = self._by_menu(rule, top) if rule.choose else self._by_cursor(rule, top)
            if found:
                return found
        return self._unknown(top_of_bottom(self._rows, NEAR_BOTTOM))

    def _menu(self, top: int) -> Menu | None:
        if top not in self._menus:
            spoken = self._spec.screen.says if self._spec.screen else ""
            self._menus[top] = find_menu(self._rows, top, not_a_mark=spoken)
        return self._menus[top]

    def _by_menu(self, rule: Rule, top: int) -> Prompt | None:
        menu = self._menu(top)
        if menu is None or not self._fits_under(rule, menu.last_row):
            return None
        text = _own_words(rule.when, self._rows, top, menu.first_row)
        if text is None:
            return None
        for index, option in enumerate(menu.options):
            if compiled(rule.choose).search(option):
                prompt = Prompt(rule.name, text, options=menu.options, selected=menu.selected, target=index)
                return self._unless_refused(prompt, rule, menu.first_row)
        return None

    def _by_cursor(self, rule: Rule, top: int) -> Prompt | None:
        row, at_cursor = self._cursor[1], self._at_cursor(top)
        if not compiled(rule.at_cursor).search(at_cursor) or not self._fits_under(rule, row):
            return None
        text = _own_words(rule.when, self._rows, top, row)
        if text is None:
            return None
        above = self._rows[row - 1] if rule.subject and 0 < row <= len(self._rows) else ""
        subject = above if above and compiled(rule.subject).search(above) else ""
        return self._unless_refused(Prompt(rule.name, fold((text, subject, at_cursor)), keys=rule.keys), rule, row)

    def _at_cursor(self, top: int) -> str:
        """Return the cursor's row up to the cursor; empty where nothing stands there."""
        column, row = self._cursor
        composer = self._spec.screen.composer if self._spec.screen else ""
        if composer and row < len(self._rows) and compiled(composer).match(self._rows[row]):
            return ""
        return self._rows[row][:column] if top <= row < len(self._rows) else ""

    def _fits_under(self, rule: Rule, row: int) -> bool:
        """Whether what stands under the prompt, whose last row is ``row``, is what the rule allows."""
        if rows_below(self._rows, row) > rule.below or self._composer_under(row):
            return False
        return not rule.under or bool(compiled(rule.under).search(fold(self._rows[row + 1 :])))

    def _composer_under(self, row: int) -> bool:
        ready = self._spec.screen.ready if self._spec.screen else ""
        return bool(ready) and bool(compiled(ready).search("\n".join(self._rows[row + 1 :])))

    def _unless_refused(self, prompt: Prompt, rule: Rule, end: int) -> Prompt:
        """Take the rule off a prompt that speaks of what only people decide; an option not taken does no harm.

        A command may hold the prompt's own title to hide what stands above it: where the answer grants something, all
        rows from the first drawing of the title on count. A prompt without words of its own is judged by what stands
        right above it.
        """
        near: Sequence[str] = ()
        if rule.grants:
            near = self._rows[_first_title(rule.when, self._rows[:end]) : end]
        elif not rule.when:
            near = self._rows[max(0, end - QUESTION_ROWS) : end]
        chosen = prompt.options[prompt.target] if prompt.options else ""
        refused = self._spec.refused.search(fold((*near, prompt.text, chosen)))
        asked = fold((prompt.text, *prompt.options))
        if refused or any(compiled(pattern).search(asked) for pattern in rule.unless):
            return msgspec.structs.replace(prompt, rule="")
        return prompt

    def _unknown(self, top: int) -> Prompt | None:
        """Find a prompt that no rule knows: a menu that asks, or a question that is answered by a letter."""
        rows, menu, row = self._rows, self._menu(top), self._cursor[1]
        below = self._spec.screen.below if self._spec.screen else ROWS_BELOW
        if menu and rows_below(rows, menu.last_row) <= below and self._asks(menu, top):
            text = fold(rows[max(top, menu.first_row - QUESTION_ROWS) : menu.first_row])
            return Prompt("", text, options=menu.options, selected=menu.selected)
        at_cursor = self._at_cursor(top)
        if at_cursor and _YES_NO.search(at_cursor) and rows_below(rows, row) == 0:
            return Prompt("", fold(rows[max(top, row - QUESTION_ROWS) : row + 1]))
        return None

    def _asks(self, menu: Menu, top: int) -> bool:
        """Tell a menu that waits for an answer from a list in the agent's words.

        A question or a hint for keys is near, and no composer stands under it.
        """
        above, under = fold(self._rows[top : menu.first_row]), self._rows[menu.last_row + 1 :]
        if self._spec.screen and compiled(self._spec.screen.ready).search("\n".join(under)):
            return False
        return above.endswith("?") or bool(_KEY_HINT.search(fold(under)))


def _own_words(patterns: Sequence[str], rows: Sequence[str], top: int, end: int) -> str | None:
    """Return the fewest rows above ``end`` in which all patterns are found, folded: the words of the prompt itself.

    What stands above them (a spinner, a diff) neither makes it another drawing nor has to do with its danger.
    """
    if not patterns:
        return ""
    for first in range(end - 1, top - 1, -1):
        text = _indent("".join(rows[first : first + 1])) + fold(rows[first:end])
        if all(compiled(pattern).search(text) for pattern in patterns):
            return text.strip()
    return None


def _indent(row: str) -> str:
    return " " if row[:1].isspace() else ""


def _first_title(patterns: Sequence[str], rows: Sequence[str]) -> int:
    """Return the highest row at which one of ``patterns`` begins to match; beyond the last where none does."""
    for first, row in enumerate(rows):
        text, length = _indent(row) + fold(rows[first:]), len(_indent(row) + fold((row,)))
        if any((found := compiled(p).search(text)) and found.start() < length for p in patterns):
            return first
    return len(rows)
