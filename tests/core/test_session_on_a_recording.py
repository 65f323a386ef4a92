"""The session on what a real program drew: Claude Code 2.1.197, asked to write a file."""

from __future__ import annotations

from pathlib import Path

from swarmbot.core.agent_spec import parse
from swarmbot.core.screen import Screen
from swarmbot.core.session import Action, Event, Paste, Press, Report, Session
from swarmbot.terminal.recording import read_cast
from swarmbot.terminal.screen import VirtualScreen

RECORDINGS = Path(__file__).parents[1] / "recordings"


class Replay:
    """Feeds a recording to a session by the recording's own clock."""

    def __init__(self, name: str, agent: str) -> None:
        header, self.events = read_cast(RECORDINGS / name)
        spec = parse((RECORDINGS / agent).read_text(), source=agent)
        self.session = Session(spec, "please write the hello file")
        self.screen = VirtualScreen(header.width, header.height, lambda _: None)
        self.actions: list[tuple[float, Action]] = []

    def run(self) -> list[tuple[float, Event]]:
        at = 0.0
        for event in self.events:
            self._tick_until(event.t)
            at = event.t
            if event.kind == "o":
                self.screen.feed(event.data.encode())
                if not self.screen.drawing:
                    self._take(at, self.session.on_screen(self._look(), at))
        self._take(at, self.session.on_exit(0, None, self._look(), at))
        return [(moment, action.event) for moment, action in self.actions if isinstance(action, Report)]

    def _tick_until(self, at: float) -> None:
        while (due := self.session.wake_at) is not None and due < at:
            self._take(due, self.session.on_tick(due))

    def _look(self) -> Screen:
        return self.screen.snapshot()

    def _take(self, at: float, actions: list[Action]) -> None:
        self.actions += [(at, action) for action in actions]


def test_every_prompt_is_answered_once_and_in_order() -> None:
    told = Replay("claude-edit.cast", "claude.toml").run()

    prompts = [(event.rule, event.keys) for _, event in told if event.event == "prompt"]
    assert prompts == [
        ("trust-folder", ("enter",)),
        ("use-api-key", ("up", "enter")),
        ("edit-file", ("enter",)),
    ]


def test_ready_and_done_are_seen_within_two_seconds_of_the_recorded_moments() -> None:
    told = {event.event: at for at, event in Replay("claude-edit.cast", "claude.toml").run()}

    assert 5.27 <= told["ready"] <= 7.27
    assert 10.39 <= told["done"] <= 12.39


def test_the_session_ends_done_with_the_agents_last_words() -> None:
    replay = Replay("claude-edit.cast", "claude.toml")
    replay.run()

    assert replay.session.outcome is not None
    assert replay.session.outcome.kind == "done"
    assert replay.session.outcome.summary == "Done: the requested change is made."


def test_the_task_is_pasted_once_and_no_key_is_pressed_that_no_rule_or_step_asked_for() -> None:
    replay = Replay("claude-edit.cast", "claude.toml")
    replay.run()

    sent = [action for _, action in replay.actions if isinstance(action, Press | Paste)]
    assert sent.count(Paste("please write the hello file")) == 1
    arrows = [action.keys for action in sent if isinstance(action, Press) and action.keys != ("enter",)]
    # The recording does not react to our keys: the arrow has no effect there, so Enter never follows it.
    assert arrows == [("up",), tuple("/exit")]
