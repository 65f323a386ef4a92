"""Drives one agent in a terminal: decides, from what is on the screen and from the clock, what to press. Pure.

The same machine runs live, in tests and over a recording: it is handed screens, moments and the exit, and returns what
to do. It reads no clock; all moments are seconds of the caller's monotonic clock.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from swarmbot.core.agent_spec import AgentSpec, Rule
from swarmbot.core.answers import Prompt, Reading, find_menu, read, summary
from swarmbot.core.screen import Screen

ENTER_AGAIN_S = 3.0
"""An Enter that had no effect is pressed again after so long: agents drop keys that come while they draw."""
ENTERS = 3
QUESTION_AFTER_S = 2.0
"""An unknown prompt must stand so long before people are asked: a menu may be drawn on its way to the next one."""
QUIET_WITHOUT_MARK_S = 8.0
"""How long an agent whose done line is known must be ready and not busy to count as done without that line."""
ANSWER_HOLDS_S = 10.0
"""A prompt that still stands so long after its answer goes to people."""


class State(StrEnum):
    """Where a session is. The last three are ends."""

    STARTING = "starting"
    SUBMITTING = "submitting"
    BUSY = "busy"
    LEAVING = "leaving"
    DONE = "done"
    ASKED = "asked"
    FAILED = "failed"


class Limits(msgspec.Struct, frozen=True):
    """Clocks that are held from outside the agent, in seconds."""

    silence_s: float = 600.0
    """The longest time without any output."""
    total_s: float = 3600.0
    """The longest time for the whole session."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened, to be told to people: a line of ``swarmbot replay``, an event of the job's story."""

    event: Literal["prompt", "ready", "busy", "question", "done", "exit"]
    rule: str = ""
    keys: tuple[str, ...] = ()
    detail: str = ""


class Press(msgspec.Struct, frozen=True, tag=True):
    """Press keys, by name."""

    keys: tuple[str, ...]


class Paste(msgspec.Struct, frozen=True, tag=True):
    """Put a text into the composer in one piece."""

    text: str


class Report(msgspec.Struct, frozen=True, tag=True):
    """Tell people."""

    event: Event


class End(msgspec.Struct, frozen=True, tag=True):
    """End the program and all that it started, now."""


Action = Press | Paste | Report | End


OutcomeKind = Literal["done", "asked", "silent", "timed_out", "not_submitted", "left_early", "exit_code", "killed"]


class Outcome(msgspec.Struct, frozen=True):
    """How a session ended. ``kind`` names the class of the ending; ``cause`` is one sentence for people."""

    kind: OutcomeKind
    cause: str = ""
    rows: tuple[str, ...] = ()
    """The last screen; not redacted."""
    summary: str = ""
    """What the agent said last; not redacted."""


class Session:
    """One run of one agent on one task.

    Hand it every screen (:meth:`on_screen`), call :meth:`on_tick` at :attr:`wake_at`, and :meth:`on_exit` once after
    the last output was read; carry out what is returned, in order. :attr:`outcome` is set when it has ended.
    """

    def __init__(self, spec: AgentSpec, task: str, limits: Limits | None = None, *, at: float = 0.0) -> None:
        self.spec, self.task, self.limits = spec, task, limits or Limits()
        self.state = State.BUSY if spec.task == "file" else State.STARTING
        self.outcome: Outcome | None = None
        self._screen = Screen(())
        self._reading, self._held_since = Reading(), at
        self._started, self._last_output = at, at
        self._counts: dict[str, int] = {}
        self._answered: tuple[Prompt, float] | None = None
        self._moving: Prompt | None = None
        self._due: dict[str, float] = {}
        self._enters = 0
        self._done_marks_before = 0
        self._was_busy = False
        self._composer_filled = False
        self._summary = ""
        self._reported: str = ""

    @property
    def wake_at(self) -> float | None:
        """When :meth:`on_tick` wants to be called next; None once ended."""
        if self.outcome:
            return None
        clocks = (self._last_output + self.limits.silence_s, self._started + self.limits.total_s)
        return min(*clocks, *self._due.values())

    def on_screen(self, screen: Screen, at: float) -> list[Action]:
        """Take a new screen that was complete at ``at``."""
        self._last_output = at
        if self.outcome:
            return []
        self._screen = screen
        reading = read(screen, self.spec)
        if reading != self._reading:
            self._reading, self._held_since = reading, at
            self._due["settle"] = at + self.spec.settle_s
            self._due.pop("question", None)
            self._due.pop("finished", None)
            if reading.prompt is None and (reading.busy or reading.ready):
                # However short: it went on, so the same words are a new prompt. An empty screen is only being redrawn.
                self._answered = None
        return self.on_tick(at)

    def on_tick(self, at: float) -> list[Action]:
        """Do what is due at ``at``."""
        if self.outcome:
            return []
        if at >= self._last_output + self.limits.silence_s:
            return self._end("silent", f"The agent printed nothing for {self.limits.silence_s:.0f} s.")
        if at >= self._started + self.limits.total_s:
            return self._end("timed_out", f"The agent was not finished after {self.limits.total_s:.0f} s.")
        due = [name for name, moment in self._due.items() if at >= moment]
        for name in due:
            del self._due[name]
        actions: list[Action] = []
        if at - self._held_since >= self.spec.settle_s or "settle" in due:
            actions += self._on_settled(at)
        for name in due:
            if name not in ("settle", "finished", "question") and not self.outcome:
                actions += self._on_due(name, at)
        return actions

    def on_exit(self, code: int | None, signal: int | None, screen: Screen, at: float) -> list[Action]:
        """Take the end of the program; all of its output has been read before."""
        self._screen, self._due = screen, {}
        said: list[Action] = [Report(Event("exit", detail=f"code {code}" if signal is None else f"signal {signal}"))]
        if self.outcome:
            return said
        if self.state is State.LEAVING:
            self._finish("done")
        elif signal is not None:
            self._finish("killed", f"The agent's program was ended by signal {signal}.")
        elif code != 0:
            self._finish("exit_code", f"The agent's program ended with exit code {code}.")
        elif self.state is not State.BUSY:
            self._finish("left_early", "The agent's program ended before it took the task.")
        elif self.spec.task == "paste" and not self._marked_done():
            self._finish("left_early", "The agent's program ended before it said that it was done.")
        else:
            said.insert(0, Report(Event("done")))
            self._finish("done")
        return said

    def _on_settled(self, at: float) -> list[Action]:
        reading = self._reading
        if reading.prompt is not None and not self._is_own_words(reading.prompt):
            return self._on_prompt(reading.prompt, at)
        self._answered = self._moving = None
        if self.state is State.SUBMITTING and not self._enters:
            return []  # what the screen says now may be the task's own words, in the composer
        if reading.busy:
            return self._on_busy()
        if self.state is State.STARTING and reading.ready:
            return self._submit(at)
        # A screen that stands still from here on brings no other tick: what confirms may be the end already.
        said = self._confirm() if self.state is State.SUBMITTING else []
        if self.state is State.BUSY and reading.ready and (self._was_busy or self._marked_done()):
            return said + self._on_quiet(at)
        return said

    def _is_own_words(self, prompt: Prompt) -> bool:
        """Whether a menu is one that the task quotes, seen in the composer before the task was sent.

        Until the first Enter the agent has nothing to ask about, so no menu of its own is mistaken for a quoted one.
        """
        if self.state is not State.SUBMITTING or self._enters:
            return False
        quoted = find_menu(self.task.splitlines())
        return quoted is not None and quoted.options == prompt.options

    def _on_prompt(self, prompt: Prompt, at: float) -> list[Action]:
        if self.state is State.SUBMITTING and self._enters:
            self.state = State.BUSY
        if self._moving and self._moving.identity == prompt.identity:
            if prompt.selected == prompt.target:
                self._moving, self._answered = None, (prompt, at)
                self._due["question"] = at + ANSWER_HOLDS_S
                return [Press(("enter",))]
            return self._ask_when_due(prompt, at)
        if self._answered and self._answered[0].identity == prompt.identity:
            answered_at = self._answered[1]
            return self._ask_when_due(prompt, at, wait=ANSWER_HOLDS_S) if at > answered_at else []
        rule = next((rule for rule in self.spec.rule if rule.name == prompt.rule), None)
        if rule is None or self._counts.get(rule.name, 0) >= rule.times:
            return self._ask_when_due(prompt, at)
        return self._answer(rule, prompt, at)

    def _answer(self, rule: Rule, prompt: Prompt, at: float) -> list[Action]:
        self._counts[rule.name] = self._counts.get(rule.name, 0) + 1
        self._reported = "prompt"
        keys = prompt.keys or (*prompt.moves, "enter")
        said = Report(Event("prompt", rule=rule.name, keys=keys, detail=prompt.text))
        if prompt.moves:
            # The mark must be seen at the option before Enter: menus wrap around, and drop keys while they draw.
            self._moving = prompt
            self._due["question"] = at + QUESTION_AFTER_S
            return [said, Press(prompt.moves)]
        self._answered = (prompt, at)
        self._due["question"] = at + ANSWER_HOLDS_S
        return [said, Press(keys)]

    def _ask_when_due(self, prompt: Prompt, at: float, wait: float = QUESTION_AFTER_S) -> list[Action]:
        if self.state is State.LEAVING:
            return []  # the work is done; a program that asks whether to go is ended in its time
        if at < self._held_since + wait:
            self._due["question"] = self._held_since + wait
            return []
        self._finish("asked", prompt.text or "The agent waits for an answer.")
        return [Report(Event("question", rule=prompt.rule, detail=prompt.text)), End()]

    def _on_busy(self) -> list[Action]:
        if self.state in (State.SUBMITTING, State.BUSY):
            self.state, self._was_busy = State.BUSY, True
            self._due.pop("enter", None)
            return self._report_once("busy")
        return []

    def _submit(self, at: float) -> list[Action]:
        self.state = State.SUBMITTING
        self._due["enter"] = at + self.spec.paste_wait_s
        return [*self._report_once("ready"), Paste(self.task)]

    def _confirm(self) -> list[Action]:
        """Believe that the task was sent once it has left the composer or its work is seen to be done."""
        if not self._reading.ready:
            self._composer_filled = True
        left_composer = self._composer_filled and self._reading.ready
        if left_composer or self._marked_done():
            self.state = State.BUSY
            self._due.pop("enter", None)
            return self._report_once("busy")
        return []

    def _marked_done(self) -> bool:
        """Whether a line says that a task is done which was not there when this one was sent."""
        return self._reading.done_marks > self._done_marks_before

    def _on_quiet(self, at: float) -> list[Action]:
        patience = self.spec.done_settle_s
        if self.spec.screen is not None and self.spec.screen.done and not self._marked_done():
            patience = max(patience, QUIET_WITHOUT_MARK_S)
        if at < self._held_since + patience:
            self._due["finished"] = self._held_since + patience
            return []
        self.state, self._summary = State.LEAVING, summary(self._screen, self.spec)
        leave = self.spec.leave
        if leave is None:
            self._finish("done")
            return [*self._report_once("done"), End()]
        self._due["leave"] = at + self.spec.settle_s * 2
        self._due["gone"] = at + self.spec.settle_s * 2 + leave.within_s
        # Typed, not pasted: a pasted slash command is taken for a text.
        return [*self._report_once("done"), Press(tuple(leave.type))]

    def _on_due(self, name: str, at: float) -> list[Action]:
        if name == "enter" and self.state is State.SUBMITTING:
            return self._on_enter_due(at)
        if name == "leave":
            # A menu that was drawn in between must not get this Enter.
            return [Press(("enter",))] if self._reading.prompt is None else []
        if name == "gone":
            self._finish("done")
            return [End()]
        return []

    def _on_enter_due(self, at: float) -> list[Action]:
        prompt = self._reading.prompt
        asked = prompt is not None and not self._is_own_words(prompt)
        if asked or (self._reading.busy and self._enters):
            self._due["enter"] = at + self.spec.settle_s  # not settled yet, but surely not the composer's turn
            return []
        if self._enters >= ENTERS:
            return self._end("not_submitted", "The agent did not take the task from its composer.")
        if not self._enters:
            # The composer now shows the task, which may quote what the agent writes when it is done.
            self._done_marks_before = self._reading.done_marks
            self._composer_filled = not self._reading.ready
        self._enters += 1
        self._due["enter"] = at + ENTER_AGAIN_S
        return [Press(("enter",))]

    def _report_once(self, event: Literal["ready", "busy", "done"]) -> list[Action]:
        if self._reported == event:
            return []
        self._reported = event
        return [Report(Event(event))]

    def _end(self, kind: OutcomeKind, cause: str) -> list[Action]:
        self._finish(kind, cause)
        return [End()]

    def _finish(
        self,
        kind: OutcomeKind,
        cause: str = "",
    ) -> None:
        self.state = State.DONE if kind == "done" else State.ASKED if kind == "asked" else State.FAILED
        self.outcome, self._due = Outcome(kind, cause, self._screen.rows, self._summary), {}
