"""What the demo model does: plays, each of which looks at a conversation and says what comes next.

A play keeps nothing between two requests, ``first`` left out: which step is due is told by the number of tool results
since the task. So two programs can talk to one model, and a program that asks again gets the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from swarmbot.demo.github import repository
from swarmbot.demo.model import tools
from swarmbot.demo.model.conversation import Call, Conversation, Part, Say
from swarmbot.demo.model.trouble import Kind, Trouble


@dataclass(frozen=True)
class Answer:
    """What the model says and calls."""

    parts: tuple[Part, ...]
    ends: bool = False
    """The turn is over, whatever steps are left."""
    pause_s: float = 0.0
    """Seconds before each piece of the answer."""
    hangs: Literal["", "before", "midway"] = ""
    """Nothing more comes: from the start, or after a first piece."""


Reply = Answer | Trouble
Play = Callable[[Conversation], Reply | None]
"""None: nothing to do here with the tools that the program offers; the next step is taken."""

CLOSING = "That is all I had to do."
REFUSED = "You did not allow that, so I leave it at that."

_REFUSAL = re.compile(
    r"doesn't want to (?:proceed|take this action)|tool use was rejected|haven't granted it"
    r"|permission to use .{1,80}denied|requires approval|rejected by user|user rejected"
    r"|(?:rejected|blocked|denied) by policy"
    r"|User denied|cancelled by user|Operation Cancelled|not allowed by|approval policy|did not approve|was declined"
    r"|this action (?:has been|was) denied|Auto mode is unavailable",
    re.I,
)
_UNAPPLIED = re.compile(r"SEARCH/REPLACE blocks? failed to match|did not conform to the edit format", re.I)


def say(text: str) -> Play:
    """Answer with a text. As the last step of ``then`` it ends the turn, before others it goes with the next call."""
    return lambda _talk: Answer((Say(text),))


def write_file(path: str, content: str) -> Play:
    """Write a file that is not there yet; ``path`` is relative to the folder that the program works in."""
    return lambda talk: _step(tools.write(talk, path, content))


def read_file(path: str) -> Play:
    """Read a file, where the program has a tool for that."""
    return lambda talk: _step(tools.read(talk, path))


def edit_file(path: str, old: str, new: str, before: str | None = None) -> Play:
    """Replace ``old`` in a file; ``before`` is its whole text, which programs need that take whole files."""

    def play(talk: Conversation) -> Reply | None:
        if talk.text_edits and not tools.has_file(talk, path):
            return Answer((Say(f"I have to change {path}. Please add it to the chat."),), ends=True)
        return _step(tools.edit(talk, path, old, new, before))

    return play


def run(command: str, why: str | None = None, **arguments: Any) -> Play:
    """Run a shell command; ``arguments`` are further ones of the tool, such as Codex's ``sandbox_permissions``."""
    return lambda talk: _step(tools.run(talk, command, why, **arguments))


def call(name: str, **arguments: Any) -> Play:
    """Call a tool by its name, where it is offered."""
    return lambda talk: _step(tools.call(talk, name, arguments))


def fails(kind: Kind = "model_error", *, status: int | None = None, message: str | None = None) -> Play:
    """Answer with an error as the vendor of the wire format does; ``status`` and ``message`` in place of its own."""
    return lambda _talk: Trouble(kind, status, message)


def hangs(when: Literal["before", "midway"] = "before") -> Play:
    """Answer nothing, or begin an answer, and then keep the connection open until the program gives up."""
    return lambda _talk: Answer((Say("Let me think about this, it will take me quite a while."),), hangs=when)


def slow(seconds: float, play: Play) -> Play:
    """Play with a pause of so many seconds before each piece of an answer."""

    def slowly(talk: Conversation) -> Reply | None:
        reply = play(talk)
        return replace(reply, pause_s=seconds) if isinstance(reply, Answer) else reply

    return slowly


def first(times: int, play: Play, after: Play) -> Play:
    """Play ``play`` for the first ``times`` requests of the task, then ``after``: an outage that ends.

    It counts, so it is made anew for each model.
    """
    left = times

    def counted(talk: Conversation) -> Reply | None:
        nonlocal left
        due = play if left > 0 else after
        left -= not talk.beside
        return due(talk)

    return counted


def then(*steps: Play) -> Play:
    """Take the steps one after another, each in the turn in which the results of those before it are there.

    A refused call ends the turn with ``REFUSED``. Steps that the program has no tool for are left out. A program that
    reads edits from words gets all of them in one answer.
    """

    def play(talk: Conversation) -> Reply:
        if refused(talk):
            return Answer((Say(REFUSED),))
        turns = _turns([reply for step in steps if (reply := step(talk)) is not None])
        done = len(talk.results)
        return turns[done] if done < len(turns) else Answer((Say(CLOSING),))

    return play


def fix() -> Play:
    """Repair the repository of the demo, run its tests, and say what was done."""
    path = "wordcount/stats.py"
    old = "    found = words(text)\n    return round("
    new = "    found = words(text)\n    if not found:\n        return 0.0\n    return round("
    lines = repository.FILES[path].splitlines(keepends=True)
    last = next(line for line in lines if line.startswith("    return round("))
    rest = last.removeprefix("    return round(").rstrip("\n")
    return then(
        read_file(path),
        say("The average of no words divides by zero. I give that case an answer of its own."),
        edit_file(path, old + rest, new + rest, repository.FILES[path]),
        _tests,
        _summary,
    )


def _tests(talk: Conversation) -> Reply | None:
    # Programs that read commands from words ask a person before each one, also where everything else is free.
    return None if talk.text_edits else run("python3 -m unittest", "Run the tests")(talk)


def _summary(talk: Conversation) -> Reply:
    words = "`average_length` returns 0.0 for a text without words, so an empty file no longer ends in a traceback."
    if not talk.results or talk.text_edits:
        return Answer((Say(words),))
    output = talk.results[-1].text
    if re.search(r"^OK\b", output, re.M):
        return Answer((Say(f"{words} The tests pass."),))
    return Answer((Say(f"I changed `average_length`, but did not see the tests pass:\n\n{output[-600:]}"),))


def refused(talk: Conversation) -> bool:
    """Tell whether a person or a policy refused what the model did last."""
    if talk.text_edits:
        return bool(_UNAPPLIED.search(talk.task))
    return bool(talk.results) and bool(_REFUSAL.search(talk.results[-1].text))


def _step(part: Part | None) -> Answer | None:
    return Answer((part,)) if part is not None else None


def _turns(replies: list[Reply]) -> list[Reply]:
    """Join words with what follows them: an answer that holds only words would end the turn."""
    turns: list[Reply] = []
    held: tuple[Part, ...] = ()
    for reply in replies:
        if isinstance(reply, Trouble) or reply.hangs:
            turns.append(reply)
            held = ()
            continue
        held += reply.parts
        if reply.ends or any(isinstance(part, Call) for part in reply.parts):
            turns.append(replace(reply, parts=_joined(held)))
            held = ()
        if reply.ends:
            break
    return [*turns, Answer(_joined(held))] if held else turns


def _joined(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    words = "\n".join(part.text for part in parts if isinstance(part, Say))
    calls = [part for part in parts if isinstance(part, Call)]
    return (*([Say(words)] if words else []), *calls)
