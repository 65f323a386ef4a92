"""A small interactive coding agent that behaves in a terminal like the real ones: ``python -m swarmbot.demo.agent``.

It asks whether the folder is trusted, takes a task in a composer, keeps that composer on the screen while it works,
asks before it edits, says when it is done, and leaves on ``/exit``. Its model knows one fault (see ``agent_model``)
and really mends it. Standard library only, so that it starts at once.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import textwrap
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from swarmbot.demo.agent_model import Edit, apply, diff_rows, find_edit
from swarmbot.demo.agent_terminal import AgentTerminal, Input, NoAnswer

MODES = ("fix", "nothing", "hang", "crash", "error", "daemon", "question")

STARTING_S, READING_S, EDITING_S = 0.15, 0.6, 0.3
FRAME_S = 0.1
ENTER_AFTER_PASTE_S = 0.05
"""An Enter that comes sooner after a paste belongs to it, as in the real agents."""

LONG_PASTE_LINES, LONG_PASTE_CHARS = 3, 400
DAEMON_S = 300
"""The background process of the mode ``daemon`` ends by itself, should nobody end it."""

_SPINNER = "·✢✳✶✻✽"
_DATABASES = ("The main database", "The reporting database", "A new database")


class Interrupted(Exception):
    """Somebody pressed Esc or Ctrl-C while the agent worked."""


class ToldToCrash(Exception):
    """The mode ``crash``."""


class Leave(Exception):
    """The program ends; the argument is its exit code."""


class Composer:
    """The line at the bottom where a task is written."""

    def __init__(self) -> None:
        self._parts: list[tuple[str, str]] = []
        self._pastes = 0
        self._pasted_at = float("-inf")

    @property
    def shown(self) -> str:
        """What is seen of the text; a long paste is only named."""
        return "".join(shown for shown, _ in self._parts)

    def take(self, event: Input) -> bool:
        """Take something typed; True if it was an Enter that submits."""
        if event.kind == "paste":
            self._pasted_at = time.monotonic()
            lines = event.text.count("\n")
            shown = event.text
            if lines >= LONG_PASTE_LINES or len(shown) > LONG_PASTE_CHARS:
                self._pastes += 1
                shown = f"[Pasted text #{self._pastes} +{lines} lines]"
            self._parts.append((shown, event.text))
        elif event.kind == "text":
            self._parts.append((event.text, event.text))
        elif event == ("key", "backspace"):
            del self._parts[-1:]
        elif event == ("key", "newline"):
            self._parts.append(("\n", "\n"))
        elif event == ("key", "enter"):
            return bool(self.shown.strip()) and time.monotonic() - self._pasted_at > ENTER_AFTER_PASTE_S
        return False

    def empty(self) -> str:
        """Take the whole text out."""
        text = "".join(text for _, text in self._parts)
        self._parts.clear()
        return text

    def rows(self, width: int, footer: str) -> list[str]:
        """Return the composer as drawn."""
        text = [row for line in self.shown.split("\n") for row in textwrap.wrap(line, max(20, width - 4)) or [""]]
        marked = [f"❯ {text[0]}", *(f"  {row}" for row in text[1:])]
        return ["─" * width, *marked, "─" * width, f"  {footer}"]


class Agent:
    """One run of the program in one folder."""

    def __init__(self, terminal: AgentTerminal, folder: Path, *, mode: str, asks: bool, pace: float) -> None:
        self._terminal, self._folder = terminal, folder
        self._mode, self._asks_edits, self._asks_trust, self._pace = mode, asks, asks, pace
        self._composer = Composer()

    def run(self) -> int:
        """Live until ``/exit``; return the exit code."""
        try:
            self._terminal.meet()
            self._start()
            while True:
                self._work_on(self._compose())
        except Leave as leave:
            return int(leave.args[0])

    def _start(self) -> None:
        self._terminal.draw(["", "  Starting…"])
        time.sleep(STARTING_S * self._pace)
        if self._asks_trust:
            words = ["─" * self._terminal.width, " Accessing workspace:", "", f" {self._folder}", "",
                     " Do you trust the files in this folder?", ""]  # fmt: skip
            footer = " Enter to confirm · Esc to cancel"
            if self._choose(words, ("Yes, I trust this folder", "No, exit"), footer) != 0:
                raise Leave(1)
        self._say("╭─ Demo agent ─╮", f"│ {self._folder.name}", "╰──────────────╯", "")

    def _compose(self) -> str:
        leaving = False
        while True:
            footer = "Press Ctrl-C again to exit" if leaving else "? for shortcuts"
            self._terminal.draw(self._composer.rows(self._terminal.width, footer))
            for event in self._terminal.read(0.5):
                if event == ("key", "ctrl-c"):
                    if leaving:
                        raise Leave(130)
                    self._composer.empty()
                    leaving = True
                    continue
                leaving = False
                if self._composer.take(event):
                    shown = self._composer.shown.split("\n")
                    self._say(f"❯ {shown[0]}{' …' if len(shown) > 1 else ''}", "")
                    return self._composer.empty()

    def _work_on(self, task: str) -> None:
        if task.strip() == "/exit":
            self._say("Goodbye!")
            raise Leave(0)
        began = time.monotonic()
        try:
            summary = self._work(began)
        except Interrupted:
            self._say("  ⎿  Interrupted · What should the agent do instead?", "")
            return
        if summary:
            self._say(*(f"● {line}" for line in summary), "", f"✻ Worked for {_seconds(began)}s", "")

    def _work(self, began: float) -> list[str]:
        """Do what the mode says; return the closing words, none after an error."""
        if self._mode == "hang":
            self._hang(began)
        self._busy("Reading the code", READING_S, began)
        match self._mode:
            case "nothing":
                return ["I read the code and found nothing that needs a change."]
            case "error":
                self._say("  ⎿  API Error: 500 fake failure", "")
                return []
            case "crash":
                raise ToldToCrash("the fake model gave back something that makes no sense")
            case "daemon":
                self._say(f"● Started a helper in the background (process {_start_daemon()})", "")
        notes = [f"The new table goes to: {self._ask_database()}"] if self._mode == "question" else []
        return self._fix(began) + notes

    def _fix(self, began: float) -> list[str]:
        done: list[str] = []
        declined: set[Path] = set()
        while edit := find_edit(self._folder, declined):
            path = edit.path.relative_to(self._folder)
            if not self._may(edit, path):
                declined.add(edit.path)
                self._say(f"  ⎿  Rejected the edit to {path}", "")
                continue
            self._busy("Editing", EDITING_S, began)
            apply(edit)
            self._say(f"● Update({path})", f"  ⎿  Added {len(edit.added)} lines", "")
            done.append(f"{edit.what}; added a guard to {path}.")
        if declined and not done:
            return ["Nothing was changed, as the edit was not allowed."]
        return done or ["I found no division by the length of something that may be empty, so nothing was changed."]

    def _may(self, edit: Edit, path: Path) -> bool:
        if not self._asks_edits:
            return True
        dashes = "╌" * self._terminal.width
        words = ["─" * self._terminal.width, " Edit file", f" {path}", dashes, *diff_rows(edit), dashes,
                 f" Do you want to make this edit to {path.name}?"]  # fmt: skip
        options = ("Yes", "Yes, allow all edits during this session",
                   "No, and tell the agent what to do differently (esc)")  # fmt: skip
        chosen = self._choose(words, options)
        self._asks_edits = chosen != 1
        return chosen in (0, 1)

    def _ask_database(self) -> str:
        words = ["─" * self._terminal.width, " Which database should the new table go to?", ""]
        chosen = self._choose(words, _DATABASES, " Enter to select · Esc to cancel")
        if chosen is None:
            raise Interrupted
        return _DATABASES[chosen]

    def _choose(self, words: Sequence[str], options: Sequence[str], footer: str = "") -> int | None:
        """Show a menu; return the index of the option taken, None for Esc."""
        selected = 0
        self._terminal.drop_input()
        while True:
            menu = [f"{'❯' if n == selected else ' '} {n + 1}. {option}" for n, option in enumerate(options)]
            self._terminal.draw([*words, *menu, *(["", footer] if footer else [])])
            for kind, text in self._terminal.read(0.5):
                match kind, text:
                    case "key", "up" | "down":
                        selected = (selected + (1 if text == "down" else -1)) % len(options)
                    case "key", "enter":
                        return selected
                    case "key", "esc" | "ctrl-c":
                        return None
                    case "text", _ if text.isdecimal() and 1 <= int(text) <= len(options):
                        return int(text) - 1

    def _busy(self, doing: str, seconds: float, began: float) -> None:
        """Work for a while: a spinner above the composer, which stays on the screen and takes what is typed."""
        until = time.monotonic() + seconds * self._pace
        while (now := time.monotonic()) < until:
            self._draw_busy(doing, began)
            for event in self._terminal.read(min(FRAME_S, until - now)):
                if event in (("key", "esc"), ("key", "ctrl-c")):
                    raise Interrupted
                self._composer.take(event)

    def _draw_busy(self, doing: str, began: float) -> None:
        mark = _SPINNER[int(time.monotonic() / FRAME_S) % len(_SPINNER)]
        line = f"{mark} {doing}… ({int(time.monotonic() - began)}s · esc to interrupt)"
        self._terminal.draw([line, "", *self._composer.rows(self._terminal.width, "esc to interrupt")])

    def _hang(self, began: float) -> None:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        self._draw_busy("Reading the code", began)
        while True:
            signal.pause()

    def _say(self, *lines: str) -> None:
        self._terminal.draw((), said=lines)


def _seconds(began: float) -> int:
    return max(1, round(time.monotonic() - began))


def _start_daemon() -> int:
    """Leave a process in a session of its own whose parent is gone; return its pid."""
    command = ["/bin/sh", "-c", f"sleep {DAEMON_S} >/dev/null 2>&1 & echo $!"]
    started = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True, start_new_session=True)
    return int(started.stdout)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the agent in the current folder; return its exit code (2: not in a terminal).

    The environment may give the mode and the pace as well: SWARMBOT_DEMO_MODE, SWARMBOT_DEMO_PACE.
    """
    parser = argparse.ArgumentParser(prog="demo-agent", description="A small coding agent for demonstrations.")
    parser.add_argument(
        "--mode", choices=MODES, default=os.environ.get("SWARMBOT_DEMO_MODE", "fix"), help="what it does with a task"
    )
    parser.add_argument("--ask-nothing", action="store_true", help="neither ask for trust nor before an edit")
    parser.add_argument(
        "--pace", type=float, default=os.environ.get("SWARMBOT_DEMO_PACE", "1"), help="factor on all durations"
    )
    options = parser.parse_args(argv)
    if options.mode not in MODES:  # argparse does not look at what comes from the environment
        parser.error(f"unknown mode {options.mode!r}; there are {', '.join(MODES)}")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("The demo agent is interactive: run it in a terminal.", file=sys.stderr)
        return 2
    try:
        with AgentTerminal() as terminal:
            asks = not options.ask_nothing
            return Agent(terminal, Path.cwd(), mode=options.mode, asks=asks, pace=options.pace).run()
    except NoAnswer as error:
        print(f"demo-agent: {error}", file=sys.stderr)
        return 1
    except ToldToCrash:
        traceback.print_exc()
        return 3
    except EOFError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
