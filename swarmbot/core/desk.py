"""The prompts of one session: which are answered by rule, once for each drawing, and which wait for people. Pure."""

from __future__ import annotations

from typing import get_args

from swarmbot.core.agent_spec import AgentSpec, Autonomy, Rule
from swarmbot.core.answers import Reading
from swarmbot.core.failures import Trouble, find_failure
from swarmbot.core.prompts import Prompt
from swarmbot.core.screen import Screen
from swarmbot.core.session_model import Action, Event, Limits, OutcomeKind, Press, Report

QUESTION_AFTER_S = 1.5
"""An unknown prompt must stand so long before people are asked: a menu may be drawn on its way to the next one."""


class Desk:
    """Decides about each prompt that has settled. ``due`` are the session's clocks; it sets the one named question."""

    def __init__(self, spec: AgentSpec, limits: Limits, autonomy: Autonomy, due: dict[str, float]) -> None:
        self._spec, self._limits, self._autonomy, self._due = spec, limits, autonomy, due
        self.asked: Prompt | Trouble | None = None
        """What people have to decide now."""
        self.asked_at = 0.0
        self.waited_s = 0.0
        """How long people were waited for until now."""
        self._counts: dict[str, int] = {}
        self._answered: tuple[Prompt, float] | None = None
        self._moving: Prompt | None = None

    @property
    def ending(self) -> tuple[OutcomeKind, str]:
        """How a session ends in which nobody decides."""
        if isinstance(self.asked, Trouble):
            return self.asked.kind, self.asked.text
        return "asked", (self.asked.text if self.asked else "") or "The agent waits for an answer."

    def no_prompt(self) -> None:
        """Take note that the prompt is gone: the same words are a new prompt from here on."""
        self._answered = self._moving = None

    def redrawn(self) -> None:
        """Take note that it went on, however shortly."""
        self._answered = None

    def go_on(self, reading: Reading, at: float, *, starting: bool = False) -> None:
        """Leave a question behind that somebody answered, or that is gone; an error stands until work goes on."""
        if self.asked is None:
            return
        if isinstance(self.asked, Trouble) and not (reading.busy or (starting and reading.ready)):
            return
        self.waited_s += at - self.asked_at
        self.asked = None

    def take(self, prompt: Prompt, screen: Screen, held_since: float, at: float) -> list[Action]:
        """Answer a prompt by its rule, or ask people when it has stood for long enough."""
        if self._moving and self._moving.identity == prompt.identity:
            if prompt.selected != self._moving.target:
                return self.ask(prompt, screen, held_since + self._limits.moves_hold_s, at)
            return self._press(("enter",), prompt, at)
        if self._answered and self._answered[0].identity == prompt.identity:
            due = held_since + self._limits.answer_holds_s
            return self.ask(prompt, screen, due, at) if at > self._answered[1] else []
        rule = self._rule_for(prompt)
        if rule is None:
            return self.ask(prompt, screen, held_since + QUESTION_AFTER_S, at)
        self.go_on(Reading(busy=True), at)
        self._counts[rule.name] = self._counts.get(rule.name, 0) + 1
        keys = prompt.keys or (*prompt.moves, "enter")
        said = Report(Event("prompt", rule=rule.name, keys=keys, detail=prompt.text))
        return [said, *self._go_to(prompt, at)]

    def choose(self, option: int, shown: Prompt | None, at: float) -> list[Action]:
        """Take the answer of a person: the number of the option, from 0. Raises :class:`ValueError` without a menu."""
        asked = self.asked
        if not isinstance(asked, Prompt) or not 0 <= option < len(asked.options):
            raise ValueError("There is no question with that option.")
        self.waited_s += at - self.asked_at
        self.asked = None
        now = shown if shown and shown.identity == asked.identity else asked
        return self._go_to(Prompt(now.rule, now.text, now.options, now.selected, target=option), at)

    def ask(self, what: Prompt | Trouble, screen: Screen, due: float, at: float) -> list[Action]:
        """Ask people when ``due`` has come. A prompt on a screen that shows an error is that error."""
        if at < due:
            self._due["question"] = due
            return []
        if isinstance(what, Prompt) and (trouble := find_failure(screen, self._spec)):
            what = trouble
        if self.asked and _same(self.asked, what):
            return []
        rule, options = (what.rule, what.options) if isinstance(what, Prompt) else (what.kind, ())
        self.waited_s += at - self.asked_at if self.asked else 0.0
        self._moving, self.asked, self.asked_at = None, what, at
        return [Report(Event("question", rule=rule, detail=what.text, options=options))]

    def _rule_for(self, prompt: Prompt) -> Rule | None:
        rule = next((rule for rule in self._spec.rule if rule.name == prompt.rule), None)
        if rule is None or self._counts.get(rule.name, 0) >= rule.times:
            return None
        degrees = get_args(Autonomy)
        too_much = rule.grants and degrees.index(self._autonomy) < degrees.index(rule.needs)
        return None if too_much else rule

    def _go_to(self, prompt: Prompt, at: float) -> list[Action]:
        """Press what answers a prompt: its keys, or the way to an option and, once the mark is seen there, Enter."""
        if prompt.moves:
            # Menus wrap around, and drop keys while they draw.
            self._moving = prompt
            self._due["question"] = at + self._limits.moves_hold_s
            return [Press(prompt.moves)]
        return self._press(prompt.keys or ("enter",), prompt, at)

    def _press(self, keys: tuple[str, ...], prompt: Prompt, at: float) -> list[Action]:
        self._moving, self._answered = None, (prompt, at)
        self._due["question"] = at + self._limits.answer_holds_s
        return [Press(keys)]


def _same(one: Prompt | Trouble, other: Prompt | Trouble) -> bool:
    """Whether two drawings ask the same; an error is the same whatever else its row says by now."""
    if isinstance(one, Prompt) and isinstance(other, Prompt):
        return one.identity == other.identity
    return isinstance(one, Trouble) and isinstance(other, Trouble) and one.kind == other.kind
