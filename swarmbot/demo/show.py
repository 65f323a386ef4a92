"""Prints a demo: its steps while they happen, and the whole story at the end."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.markdown import Markdown
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from swarmbot.core import story
from swarmbot.core.story import Entry, Job
from swarmbot.demo.result import Result


class Printer:
    """Tells people."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._began = time.monotonic()

    def begin(self, scenario: str, agent: str) -> None:
        """Say what will be shown."""
        self._console.print(f"[bold]swarmbot demo[/] · scenario {scenario} · agent {agent}\n")

    def step(self, text: str) -> None:
        """Say that something has happened."""
        seconds = time.monotonic() - self._began
        self._console.print(Text.assemble((f"{seconds:6.2f} s  ", "dim"), ("✓ ", "green"), text))

    def event(self, entry: Entry, job: Job) -> None:
        """Say what an event of the job means."""
        if text := _words(entry, job):
            self.step(text)

    def failed(self, why: str, log: Path) -> None:
        """Say why the demo ends here, with the end of the bot's log."""
        self._console.print(Text.assemble(("✗ ", "red"), why))
        if log.exists():
            self._console.print(Panel(Text(log.read_text(errors="replace")[-3000:]), title="the bot's log"))

    def story(self, result: Result) -> None:
        """Print all that was said and made."""
        console = self._console
        for comment in result.comments:
            console.print(Panel(Markdown(_visible(comment.body)), title=Text(comment.by), title_align="left"))
        if pull := result.pull_request:
            title = f"Pull request #{pull.number}: {pull.title}   [{pull.head} → {pull.base}]"
            console.print(Panel(Markdown(_visible(pull.body)), title=Text(title), title_align="left", style="cyan"))
            console.print(
                Panel(Syntax(pull.diff, "diff", background_color="default"), title="diff", title_align="left")
            )
            console.print(f"Check run [bold]swarmbot[/]: {result.check['conclusion']}")
            console.print(f"Tests: {_passed(passed=pull.tests.before)} before, {_passed(passed=pull.tests.after)} now")
        console.print(f"Prompts answered by rule: {', '.join(result.answered) or 'none'}")
        calls, seconds = result.api_calls, result.seconds
        console.print(f"Calls to GitHub: {calls.fixed} fixed, {calls.token} for tokens, {calls.edits} edits on the way")
        named = ", ".join(f"{name} {value:g}" for name, value in msgspec.structs.asdict(seconds).items())
        console.print(f"Seconds: {named}")
        for failure in result.failed:
            console.print(Text.assemble(("✗ ", "red"), f"did not hold: {failure}"))
        console.print("\n[green bold]All of it held.[/]" if result.ok else "\n[red bold]Not all of it held.[/]")


class Silent(Printer):
    """Tells nothing: for programs that want the JSON object alone."""

    def begin(self, scenario: str, agent: str) -> None:
        """Say nothing."""

    def step(self, text: str) -> None:
        """Say nothing."""

    def failed(self, why: str, log: Path) -> None:
        """Say nothing."""


def as_json(result: Result) -> None:
    """Print the result as one JSON object."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    sys.stdout.buffer.flush()


def _words(entry: Entry, job: Job) -> str:  # noqa: PLR0911 - one line an event
    match entry.event:
        case story.Queued():
            return f"the webhook has become job {job.spec.id}"
        case story.Prepared(base):
            return f"checkout of {base[:10]} is ready"
        case story.AgentStarted():
            return f"the agent runs in a terminal, recorded in {job.recording}"
        case story.PromptAnswered(rule, keys):
            return f"prompt answered by the rule {rule}: {' '.join(keys)}"
        case story.AgentFinished():
            return "the agent has finished and left"
        case story.Pushed(sha):
            return f"{sha[:10]} is pushed to {job.spec.branch}"
        case story.PullOpened(number):
            return f"pull request #{number} is open, at the pushed commit"
        case story.Ended(ending):
            return f"the job has ended: {ending}" + (f" ({job.failure.cause})" if job.failure else "")
        case story.Said("reply"):
            return "the requester is told"
        case _:
            return ""


def _visible(body: str) -> str:
    """Take out what GitHub does not show, and what Rich cannot fold."""
    lines = [line for line in body.splitlines() if not line.startswith(("<!--", "<details", "</details"))]
    return "\n".join(lines).replace("- [x] ", "- ✓ ").replace("- [ ] ", "- · ")


def _passed(*, passed: bool) -> str:
    return "passing" if passed else "failing"
