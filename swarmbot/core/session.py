"""Drives one agent in a terminal: decides, from what is on the screen and from the clock, what to press. Pure.

The same machine runs live, in tests and over a recording: it is handed screens, signals of the program's hooks, moments
and the exit, and returns what to do. It reads no clock; all moments are seconds of the caller's monotonic clock.
"""

from __future__ import annotations

from typing import Literal

from swarmbot.core.agent_spec import AgentSpec, Autonomy, Mode
from swarmbot.core.answers import Reading, read, read_plain, summary, title_is_busy
from swarmbot.core.composer import Composer, quotes
from swarmbot.core.desk import QUESTION_AFTER_S, Desk
from swarmbot.core.failures import Trouble, find_failure
from swarmbot.core.prompts import Prompt
from swarmbot.core.screen import Screen
from swarmbot.core.session_model import (
    BLINK_S,
    ENTER_AGAIN_S,
    ENTERS,
    PASTE_MODE_S,
    QUIET_WITHOUT_SIGNAL_S,
    STALL_S,
    STARTING_S,
    Action,
    End,
    Event,
    Limits,
    Outcome,
    OutcomeKind,
    Paste,
    Press,
    Report,
    State,
)
from swarmbot.core.signal import Signal


class Session:
    """One run of one agent, on one task or on several.

    Hand it every screen (:meth:`on_screen`), call :meth:`on_tick` at :attr:`wake_at`, :meth:`on_signal` for what the
    program's hooks tell, and :meth:`on_exit` once after the last output was read; carry out what is returned, in order.
    :attr:`outcome` is set at the end. Without a ``task`` it waits for one. ``told``: the program's hooks can reach the
    bot; ``stays``: it is not asked to leave when it is done.
    """

    def __init__(
        self,
        spec: AgentSpec,
        task: str | None,
        limits: Limits | None = None,
        *,
        at: float = 0.0,
        mode: Mode = "interactive",
        autonomy: Autonomy = "edits",
        told: bool = False,
        stays: bool = False,
    ) -> None:
        self.spec, self.task, self.limits = spec, task, limits or Limits()
        self.stays = stays
        self.outcome: Outcome | None = None
        self.session_id = ""
        start = spec.start(mode)
        self._pastes, self._asks = start.task == "paste", start.asks
        self._told = told and spec.signalled
        self._phase = State.STARTING if self._pastes else State.BUSY
        self._screen = Screen(())
        self._reading, self._held_since = Reading(), at
        self._left: dict[Reading, tuple[float, float]] = {}
        self._started = self._last_output = self._title_busy = at
        self._due: dict[str, float] = {}
        self._desk = Desk(spec, self.limits, autonomy, self._due)
        self._enters = 0
        self._composer = Composer(spec)
        self._active = self._done_told = False
        self._summary = self._reported = ""
        self._trouble = "", at

    @property
    def state(self) -> State:
        """Where the session is."""
        if self.outcome:
            return State.LEFT if self.outcome.kind == "done" else State.FAILED
        if self._desk.asked:
            return State.WAITING
        if self._reading.prompt and self._phase in (State.STARTING, State.BUSY):
            return State.PROMPT
        return self._phase

    @property
    def question(self) -> Prompt | None:
        """What people are asked."""
        return self._desk.asked if isinstance(self._desk.asked, Prompt) else None

    @property
    def wake_at(self) -> float | None:
        """When :meth:`on_tick` wants to be called next; None once ended."""
        if self.outcome:
            return None
        if self._desk.asked:
            return min((self._desk.asked_at + self.limits.waiting_s, *self._due.values()))
        return min(self._last_output + self.limits.silence_s, self._late_at, *self._due.values())

    @property
    def _late_at(self) -> float:
        return self._started + self.limits.total_s + self._desk.waited_s

    def on_screen(self, screen: Screen, at: float) -> list[Action]:
        """Take a new screen that was complete at ``at``."""
        self._last_output = at
        if self.outcome:
            return []
        self._screen = screen
        if title_is_busy(screen, self.spec):
            self._title_busy = at
        reading = read(screen, self.spec) if self._pastes else read_plain(screen, self.spec, asks=self._asks)
        if reading != self._reading:
            self._turn_to(reading, at)
            self._due["settle"] = max(at + 0.001, self._held_since + self.spec.settle_s)  # never at half a drawing
            for clock in ("question", "finished", "ready"):
                self._due.pop(clock, None)
            if reading.prompt is None and (reading.busy or reading.ready):
                # However short: it went on, so the same words are a new prompt. An empty screen is only being redrawn.
                self._desk.redrawn()
        return self.on_tick(at)

    def _turn_to(self, reading: Reading, at: float) -> None:
        """Take a new reading. One that was only away while its screen was drawn has held all the time."""
        self._left = {known: when for known, when in self._left.items() if at - when[1] <= BLINK_S}
        self._left[self._reading] = (self._held_since, at)
        self._held_since = self._left[reading][0] if reading in self._left else at
        self._reading = reading

    def on_tick(self, at: float) -> list[Action]:
        """Do what is due at ``at``."""
        if self.outcome:
            return []
        if ended := self._held_clocks(at):
            return ended
        due = [name for name, moment in self._due.items() if at >= moment]
        for name in due:
            del self._due[name]
        actions: list[Action] = []
        if "settle" in due or ("settle" not in self._due and at - self._held_since >= self.spec.settle_s):
            actions += self._on_settled(at)
        for name in due:
            if name in ("enter", "leave", "gone") and not self.outcome:
                actions += self._on_due(name, at)
        return actions

    def on_signal(self, signal: Signal, at: float) -> list[Action]:
        """Take what a hook of the program told."""
        if self.outcome:
            return []
        self.session_id = signal.session or self.session_id
        if signal.name == "asks" or self._phase not in (State.SUBMITTING, State.BUSY):
            return []
        if self._phase is State.SUBMITTING and not self._enters:
            return []  # of an earlier task
        said = self._taken()
        if signal.name == "done":
            self._done_told, self._summary = True, signal.says
        if signal.name != "submitted":
            self._active, self._told = True, self._told and signal.name == "done"
        return said + self.on_tick(at)

    def on_exit(self, code: int | None, signal: int | None, screen: Screen, at: float) -> list[Action]:
        """Take the end of the program; all of its output has been read before."""
        self._screen, self._desk.asked = screen, None
        self._due.clear()
        said: list[Action] = [Report(Event("exit", detail=f"code {code}" if signal is None else f"signal {signal}"))]
        if self.outcome:
            return said
        kind, cause = self._ending(code, signal)
        if kind == "done" and self._phase not in (State.DONE, State.READY):
            said.insert(0, Report(Event("done")))
        self._finish(kind, cause)
        return said

    def give(self, task: str, at: float) -> list[Action]:
        """Give a task to an agent that has none. Raises :class:`ValueError` unless it is ready or starting."""
        if self._phase not in (State.STARTING, State.READY) or self.task is not None:
            raise ValueError(f"The agent is {self.state}; it takes a task when it is ready.")
        self.task = task
        return self.on_tick(at)

    def choose(self, option: int, at: float) -> list[Action]:
        """Take the answer of a person: the number of the option, from 0. Raises :class:`ValueError` without a menu."""
        return self._desk.choose(option, self._reading.prompt, at)

    def typed(self, at: float, *, entered: bool) -> None:
        """Take note that a person typed; ``entered``: with Enter, so that what stood in the composer was sent."""
        if entered and self._phase is State.READY:
            self._begin_submit()
            self._enters, self._phase = 1, State.SUBMITTING
            self._composer.remember(self._screen, self._reading)
            self._due.pop("enter", None)
        self._last_output = max(self._last_output, at)

    def _held_clocks(self, at: float) -> list[Action]:
        if self._desk.asked:
            return [] if at < self._desk.asked_at + self.limits.waiting_s else self._end(*self._desk.ending)
        if at >= self._last_output + self.limits.silence_s:
            return self._end("silent", f"The agent printed nothing for {self.limits.silence_s:.0f} s.")
        if at >= self._late_at:
            return self._end("timed_out", f"The agent was not finished after {self.limits.total_s:.0f} s.")
        return []

    @property
    def _sure(self) -> bool:
        """Whether the program told that the turn ended well, so that an error on the screen is only quoted there."""
        return self._done_told and self.spec.signals.sure

    def _ending(self, code: int | None, signal: int | None) -> tuple[OutcomeKind, str]:
        ended_well = self._done_told and not code and signal is None
        over = (State.DONE, State.READY) if self.stays and code == 0 else (State.DONE,)
        if self._phase in over or (ended_well and self._sure):
            return "done", ""
        if trouble := find_failure(self._screen, self.spec, ended=True):
            return trouble.kind, trouble.text
        if signal is not None:
            return "killed", f"The agent's program was ended by signal {signal}."
        if code != 0:
            return "exit_code", f"The agent's program ended with exit code {code}."
        if self._pastes and not ended_well and not self._composer.marked_done(self._reading):
            what = "said that it was done" if self._phase is State.BUSY else "took the task"
            return "left_early", f"The agent's program ended before it {what}."
        return "done", ""

    def _on_settled(self, at: float) -> list[Action]:
        reading = self._reading
        if reading.prompt is not None and not self._is_own_words(reading.prompt):
            return self._on_prompt(reading.prompt, at)
        self._desk.no_prompt()
        self._desk.go_on(reading, at, starting=self._phase is State.STARTING)
        if self._phase is State.SUBMITTING and not self._enters:
            return []  # what the screen says now may be the task's own words, in the composer
        if reading.busy:
            return self._on_busy()
        if self._phase in (State.STARTING, State.READY) and reading.ready:
            return self._on_ready(at)
        # A screen that stands still from here on brings no other tick: what confirms may be the end already.
        sent = self._phase is State.SUBMITTING and self._composer.was_sent(self._screen, reading, self._enters)
        said = self._taken() if sent else []
        if self._phase is State.BUSY and reading.ready:
            worked = self._active or self._composer.marked_done(reading)
            return said + (self._on_quiet(at) if worked else self._on_idle(at))
        return said + self._on_unknown(at)

    def _is_own_words(self, prompt: Prompt) -> bool:
        """Whether a menu is one that the task quotes, seen in the composer before the task was sent.

        Until the first Enter the agent has nothing to ask about, so no menu of its own is mistaken for a quoted one.
        """
        return self._phase is State.SUBMITTING and not self._enters and quotes(self.task or "", prompt)

    def _on_prompt(self, prompt: Prompt, at: float) -> list[Action]:
        if self._phase is State.SUBMITTING and self._enters:
            self._phase = State.BUSY
        self._active = self._active or self._phase is State.BUSY
        if self._phase is State.DONE:
            return []  # the work is done; a program that asks whether to go is ended in its time
        return self._decided(self._desk.take(prompt, self._screen, self._held_since, at))

    def _ask(self, what: Prompt | Trouble, due: float, at: float) -> list[Action]:
        return self._decided(self._desk.ask(what, self._screen, due, at))

    def _decided(self, actions: list[Action]) -> list[Action]:
        """Take note of what the desk told, and end where people are asked and none can answer."""
        told = [action.event.event for action in actions if isinstance(action, Report)]
        self._reported = told[-1] if told else self._reported
        if self._desk.asked and self.limits.waiting_s <= 0:
            return [*actions, *self._end(*self._desk.ending)]
        return actions

    def _on_busy(self) -> list[Action]:
        if self._phase is State.READY and self.task is None:
            self._begin_submit()  # a person gave it something to do
            self._enters, self._phase = 1, State.SUBMITTING
        if self._phase in (State.SUBMITTING, State.BUSY):
            self._active = True
            return self._taken()
        return []

    def _on_ready(self, at: float) -> list[Action]:
        if self._phase is State.STARTING and self._reading.starting and at < self._held_since + STARTING_S:
            self._due["ready"] = self._held_since + STARTING_S
            return []
        said = self._report_once("ready") if self._phase is State.STARTING else []
        self._phase = State.READY
        if self.task is None:
            return said
        if not self._screen.bracketed_paste and at < self._held_since + PASTE_MODE_S:
            self._due["ready"] = self._held_since + PASTE_MODE_S
            return said
        self._begin_submit()
        self._phase = State.SUBMITTING
        self._due["enter"] = at + self.spec.paste_wait_s
        return [*said, Paste(self.task)]

    def _begin_submit(self) -> None:
        self._enters, self._active, self._done_told, self._summary = 0, False, False, ""
        self._composer.begin(self._screen, self._reading)

    def _taken(self) -> list[Action]:
        """Note that the task was sent, and tell it once."""
        self._phase = State.BUSY
        self._due.pop("enter", None)
        return self._report_once("busy")

    def _on_quiet(self, at: float) -> list[Action]:
        patience = self.spec.done_settle_s
        trouble = None if self._sure else find_failure(self._screen, self.spec)
        if self._told and not self._done_told and trouble is None:
            patience = max(patience, QUIET_WITHOUT_SIGNAL_S)
        # The title's spinner turns until the turn is over; a turn of a second without one is the end of it.
        due = max(self._held_since, self._title_busy) + patience
        if at < due:
            self._due["finished"] = due
            return []
        if trouble:
            return self._ask(trouble, at, at)
        self._summary = self._summary or summary(self._screen, self.spec)
        said = self._report_once("done")
        if self.stays:
            self.task, self._phase = None, State.READY
            return said
        self._phase = State.DONE
        leave = self.spec.leave
        if leave is None:
            self._finish("done")
            return [*said, End()]
        self._due["leave"] = at + self.spec.settle_s * 2
        self._due["gone"] = at + self.spec.settle_s * 2 + leave.within_s
        # Typed, not pasted: a pasted slash command is taken for a text.
        return [*said, Press(tuple(leave.type))]

    def _on_idle(self, at: float) -> list[Action]:
        """Look at an agent that took its task and shows nothing of it: an error, or people have to look."""
        if trouble := find_failure(self._screen, self.spec):
            return self._ask(trouble, self._held_since + QUIET_WITHOUT_SIGNAL_S, at)
        stall = max(self._held_since, self._last_output) + STALL_S
        return self._ask(Prompt("", "The agent took its task and shows no work on it."), stall, at)

    def _on_unknown(self, at: float) -> list[Action]:
        """Look at a screen that is neither busy nor ready nor a prompt: an error of the program, or a stall."""
        if not self._pastes or self._reading.ready or self._phase is State.DONE:
            return []
        trouble = find_failure(self._screen, self.spec)
        if self._trouble[0] != (trouble.kind if trouble else ""):
            self._trouble = trouble.kind if trouble else "", at
        if trouble:
            return self._ask(trouble, self._trouble[1] + QUESTION_AFTER_S, at)
        if self._phase is State.READY:
            return []  # somebody types
        stall = max(self._held_since, self._last_output) + STALL_S
        return self._ask(Prompt("", "The agent stands still on a screen that its file does not know."), stall, at)

    def _on_due(self, name: str, at: float) -> list[Action]:
        if name == "enter" and self._phase is State.SUBMITTING:
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
            if trouble := find_failure(self._screen, self.spec):
                # What looked like a composer was not: the Enter must not send a task as a key.
                self._phase = State.STARTING
                return self._ask(trouble, at, at)
            self._composer.remember(self._screen, self._reading)
        self._enters += 1
        self._due["enter"] = at + ENTER_AGAIN_S
        return [Press(("enter",))]

    def _report_once(self, event: Literal["ready", "busy", "done"]) -> list[Action]:
        known, self._reported = self._reported, event
        return [] if known == event else [Report(Event(event))]

    def _end(self, kind: OutcomeKind, cause: str) -> list[Action]:
        self._finish(kind, cause)
        return [End()]

    def _finish(self, kind: OutcomeKind, cause: str = "") -> None:
        self._due.clear()
        self.outcome = Outcome(kind, cause, self._screen.rows, self._summary, self.session_id)
