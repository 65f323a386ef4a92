"""Whether a task has left the composer of an agent: what the screen showed before the Enter, and after. Pure."""

from __future__ import annotations

from swarmbot.core.agent_spec import AgentSpec
from swarmbot.core.answers import Reading
from swarmbot.core.menus import find_menu, strip_borders
from swarmbot.core.prompts import Prompt
from swarmbot.core.screen import Screen


class Composer:
    """Remembers how the composer looked when it was empty and when it held the task."""

    def __init__(self, spec: AgentSpec) -> None:
        self._rows = spec.screen.rows if spec.screen else 0
        self._empty: tuple[str, ...] = ()
        self._changed: dict[int, str] = {}
        self._was_filled = False
        self._done_marks = 0

    def begin(self, screen: Screen, reading: Reading) -> None:
        """Take the screen before the task is put in."""
        self._empty, self._changed, self._was_filled = self._bottom(screen), {}, False
        self._done_marks = reading.done_marks

    def remember(self, screen: Screen, reading: Reading) -> None:
        """Take the screen with the task in the composer, which may quote what the agent writes when it is done."""
        self._done_marks = reading.done_marks
        self._was_filled = not reading.ready
        before, filled = self._empty[::-1], self._bottom(screen)[::-1]
        self._changed = {
            place: row
            for place, row in enumerate(filled)
            if row.strip() and (place >= len(before) or before[place] != row)
        }

    def was_sent(self, screen: Screen, reading: Reading, enters: int) -> bool:
        """Whether the task has gone from where it stood; ``enters`` is how often Enter was pressed."""
        if not enters:
            return False
        if not reading.ready:
            self._was_filled = True
            return self.marked_done(reading)
        if self._was_filled or self.marked_done(reading):
            return True
        rows = self._bottom(screen)[::-1]
        return bool(self._changed) and all(rows[place : place + 1] != (row,) for place, row in self._changed.items())

    def marked_done(self, reading: Reading) -> bool:
        """Whether a line says that a task is done which was not there when this one was sent."""
        return reading.done_marks > self._done_marks

    def _bottom(self, screen: Screen) -> tuple[str, ...]:
        return tuple(row for row in strip_borders(screen.rows) if row.strip())[-self._rows :] if self._rows else ()


def quotes(task: str, prompt: Prompt) -> bool:
    """Whether a task holds the menu of a prompt."""
    quoted = find_menu(task.splitlines())
    return quoted is not None and quoted.options == prompt.options
