"""A stage for the session: screens are put up by hand, the clock is turned by hand, and all that it does is noted."""

from __future__ import annotations

from collections.abc import Callable

from swarmbot.core.agent_file import parse
from swarmbot.core.agent_spec import AgentSpec, Autonomy
from swarmbot.core.screen import Screen
from swarmbot.core.session import Session
from swarmbot.core.session_model import Action, Limits, Paste, Press, Report
from swarmbot.core.signal import Signal, SignalName

AGENT = """
name = "played"
title = "Played agent"
settle_s = 0.1
paste_wait_s = 0.5
done_settle_s = 1.0
[interactive]
argv = ["played"]
[screen]
ready = '^❯\\s*$'
busy = 'esc to interrupt'
done = '^✻ Worked'
says = '^● '
[leave]
type = "/exit"
within_s = 5.0
[[rule]]
name = "trust"
when = ['Do you trust this folder\\?']
choose = '^Yes'
[[rule]]
name = "edit"
grants = true
when = ['Do you want to edit \\S+\\?$']
choose = '^Yes$'
times = 3
[[rule]]
name = "news"
when = ['There is news']
at_cursor = 'Read it\\?$'
keys = ["n", "enter"]
[[failure]]
kind = "key_refused"
when = '^  ⎿ +Invalid API key'
[[failure]]
kind = "login_needed"
when = '^Select login method:$'
"""
TELLS = (
    AGENT
    + """
[signals]
sure = true
[[file]]
path = "hooks"
text = "{signal:done}"
"""
)
FILE_AGENT = """
name = "file"
title = "File agent"
settle_s = 0.1
[headless]
argv = ["sh"]
task = "file"
asks = true
[[rule]]
name = "default-yes"
at_cursor = '\\[Y/n\\]$'
keys = ["enter"]
times = 2
"""

COMPOSER = ("❯", "  ? for shortcuts")
FILLED = ("❯ Fix it", "  ? for shortcuts")
BUSY = ("✶ Working… (1s · esc to interrupt)", *COMPOSER)
FINISHED = ("● All is well.", "", "✻ Worked for 1s", *COMPOSER)
TRUST = ("Do you trust this folder?", "❯ 1. Yes", "  2. No")
NEWS = ("There is news in 2.0", "Read it? ")
OTHER = ("Which table?", "❯ 1. One", "  2. Two", "Enter to select")


def edit(path: str = "a.py", selected: int = 0) -> tuple[str, ...]:
    """The permission question, with one of its options selected."""
    options = [f"{'❯' if n == selected else ' '} {n + 1}. {text}" for n, text in enumerate(("Yes", "No"))]
    return (f"Do you want to edit {path}?", *options)


class Stage:
    """Plays one session. Moments are seconds since its start."""

    def __init__(
        self,
        agent: str = AGENT,
        limits: Limits | None = None,
        *,
        task: str | None = "Fix it",
        autonomy: Autonomy = "edits",
        told: bool = False,
        stays: bool = False,
    ) -> None:
        self.spec: AgentSpec = parse(agent, source="stage")
        mode = self.spec.modes[0]
        self.session = Session(self.spec, task, limits, at=0.0, mode=mode, autonomy=autonomy, told=told, stays=stays)
        self.now = 0.0
        self.bracketed_paste = True
        self.actions: list[tuple[float, Action]] = []
        self._screen = Screen(())

    def show(self, *rows: str, hold: float = 0.0) -> None:
        """Put up a screen, the cursor behind its last row, and let the clock run for ``hold`` seconds."""
        cursor = (len(rows[-1]), len(rows) - 1) if rows else (0, 0)
        self._screen = Screen(tuple(rows), cursor, bracketed_paste=self.bracketed_paste)
        self._note(self.session.on_screen(self._screen, self.now))
        self.wait(hold)

    def wait(self, seconds: float) -> None:
        """Let the clock run, and call the session whenever it asked to be called."""
        until = self.now + seconds
        while (due := self.session.wake_at) is not None and due <= until:
            self.now = max(self.now, due)
            self._note(self.session.on_tick(self.now))
            assert self.session.wake_at is None or self.session.wake_at > due, "the session asks for the same moment"
        self.now = until

    def exit(self, code: int | None = 0, signal: int | None = None) -> None:
        """End the program."""
        self._note(self.session.on_exit(code, signal, self._screen, self.now))

    def signal(self, name: SignalName, says: str = "") -> None:
        """Let a hook of the program tell something."""
        self._note(self.session.on_signal(Signal(name, says=says, session="s-1"), self.now))

    def person(self, step: Callable[[float], list[Action]]) -> None:
        """Let a person do something."""
        self._note(step(self.now))

    def submitted(self) -> None:
        """Play the beginning: the composer, the task in it, and then at work."""
        self.show(*COMPOSER, hold=0.2)
        self.show(*FILLED, hold=0.6)
        self.show(*BUSY, hold=0.2)

    @property
    def sent(self) -> list[Press | Paste]:
        """What was pressed and pasted."""
        return [action for _, action in self.actions if isinstance(action, Press | Paste)]

    @property
    def told(self) -> list[str]:
        """What was reported: the events, with the rule where there is one."""
        events = [action.event for _, action in self.actions if isinstance(action, Report)]
        return [f"{event.event} {event.rule}".strip() for event in events]

    @property
    def ending(self) -> str:
        """The kind of the outcome; empty while it goes on."""
        return self.session.outcome.kind if self.session.outcome else ""

    def forget(self) -> None:
        """Look only at what comes from now on."""
        self.actions.clear()

    def _note(self, actions: list[Action]) -> None:
        self.actions += [(self.now, action) for action in actions]
