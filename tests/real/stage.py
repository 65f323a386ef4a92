"""A stage for the real programs: one agent in a real terminal, its model on loopback, a repository of the demo."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from swarmbot import agents
from swarmbot.agents import drive, home
from swarmbot.core.agent_launch import Wish
from swarmbot.core.agent_spec import AgentSpec, Autonomy, Mode
from swarmbot.core.session_model import Event, Limits, Outcome
from swarmbot.core.usage import Tokens
from swarmbot.demo.bot import model_variables
from swarmbot.demo.github import repository
from swarmbot.demo.github.git_objects import git
from swarmbot.demo.model import DemoModel, Play
from swarmbot.settings import agents_cache
from swarmbot.terminal.recording import Recorder

SPECS = agents.load()
NAMES = tuple(name for name, spec in SPECS.items() if spec.program)
MODES: tuple[Mode, ...] = ("interactive", "headless")
PROGRAMS = agents_cache() / "bin"
OLDER = agents_cache() / "older/bin"
LIMITS = Limits(silence_s=60, total_s=90)


@dataclass
class Ran:
    """What one run came to."""

    outcome: Outcome
    events: list[Event]
    tokens: Tokens
    model: DemoModel

    @property
    def told(self) -> list[str]:
        """The events, with the rule where there is one."""
        return [f"{event.event} {event.rule}".strip() for event in self.events]


@dataclass
class RealStage:
    """Plays runs of one agent, all in one home and one tree."""

    folder: Path
    name: str
    mode: Mode
    programs: Path = PROGRAMS
    operator: dict[str, str] = field(default_factory=dict)
    runs: int = 0

    @property
    def spec(self) -> AgentSpec:
        return SPECS[self.name]

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    def file(self, name: str) -> str:
        """Return a file's text in the tree; empty where there is none."""
        path = self.tree / name
        return path.read_text() if path.exists() else ""

    async def run(
        self,
        play: Play | None,
        task: str,
        *,
        autonomy: Autonomy = "edits",
        model: str = "",
        resume: bool = False,
        limits: Limits = LIMITS,
        keys: set[str] | None = None,
        on_question: Callable[[drive.RunningAgent, Event], None] | None = None,
    ) -> Ran:
        """Let the agent work on ``task`` until its program has ended."""
        self._make_tree()
        self.runs += 1
        assert self.programs.is_dir(), f"{self.programs} is not there: run make agents"
        wish = Wish(task, mode=self.mode, autonomy=autonomy, model=model, resume=resume)
        async with DemoModel(play, keys=keys) as served:
            operator = {"PATH": os.environ["PATH"], **model_variables(served.url), **self.operator}
            seat = drive.Seat(self.folder / "job", self.tree, operator, self.programs)
            events: list[Event] = []
            running: list[drive.RunningAgent] = []

            def take(event: Event) -> None:
                events.append(event)
                if event.event == "question" and on_question:
                    on_question(running[0], event)

            before = home.used(self.spec, seat.home)
            with Recorder(self.folder / f"{self.runs}.cast", cols=drive.COLS, rows=drive.ROWS) as recorder:
                async with drive.start(self.spec, wish, seat, recorder, limits=limits, on_event=take) as agent:
                    running.append(agent)
                    outcome = await agent.run()
            assert left_behind(seat.home) == []
            return Ran(outcome, events, home.used(self.spec, seat.home) - before, served)

    def tests_pass(self) -> bool:
        """Run the repository's own tests on what stands in the tree."""
        git("-C", str(self.tree), "add", "--all")
        git("-C", str(self.tree), "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "all")
        return repository.run_tests(self.tree / ".git", "HEAD")[0]

    def _make_tree(self) -> None:
        if self.tree.exists():
            return
        bare = self.folder / "bare.git"
        repository.build(bare)
        git("clone", "--quiet", str(bare), str(self.tree))


def left_behind(own: Path) -> list[str]:
    """Return the command lines of processes that live in an agent's home."""
    wanted = f"HOME={own}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found
