"""Keeps what was said and done at the demo GitHub: calls, complaints, words, and which words a story claimed.

Everything that an App says has to be claimed by the story. What was claimed and changed afterwards is unclaimed
again, so a status comment is claimed once when it appears and once more when its final text stands.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from swarmbot.demo.github.state import Change, CheckRun, Comment, Pull, Reaction, User

Found = TypeVar("Found")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP call that was answered."""

    method: str
    path: str
    """Without the API's prefix and the query: ``/repos/acme/wordcount/issues/1/comments``."""
    status: int
    kind: str
    """``token`` (an installation token minted or revoked), ``app`` (as the App itself), ``edit`` (a PATCH of a
    comment), ``git``, ``unknown`` (no such route), and ``api`` for all others."""
    seconds: float
    """Since the server started, from a monotonic clock: when the answer went out."""


Said = Comment | Pull | CheckRun | Reaction | Change


class Play(msgspec.Struct, eq=False, kw_only=True):
    """A failure that is to be played to the next calls which match."""

    method: str
    path: re.Pattern[str]
    status: int
    times: int
    headers: dict[str, str]
    message: str
    carried_out: bool


class UnexpectedWords(AssertionError):
    """The App said or asked for something that the story did not expect; the message lists all of it."""


def words(said: Said) -> str:
    """Return what a thing says, as far as it must be claimed."""
    match said:
        case Comment():
            return said.body
        case Pull():
            return f"{said.title} [{said.state}]\n{said.body or ''}"
        case CheckRun():
            return f"{said.name}: {said.conclusion or said.status} {said.title or ''}\n{said.summary or ''}"
        case Reaction():
            return said.content
        case Change():
            return said.text


def describe(said: Said) -> str:
    """Name a thing and say what it says, in one line of at most some 200 characters."""
    match said:
        case Comment():
            name = f"comment on #{said.issue.number}" + (" (deleted)" if said.deleted else "")
        case Pull():
            name = f"pull request #{said.number}"
        case CheckRun():
            name = f"check run on {said.head_sha[:7]}"
        case Reaction(on=Comment()):
            name = f"reaction on a comment by {said.on.author.login}"
        case Reaction():
            name = "reaction on a thread"
        case Change():
            name = f"change of #{said.issue.number}"
    return f"{name}: {' '.join(words(said).split())[:160]}"


class Ledger:
    """What was said, called and complained about, and an alarm that rings at every change."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.complaints: list[str] = []
        self.transcript: list[str] = []
        """All that anybody said or did, in order, for a person who reads why a story failed."""
        self.said: list[Said] = []
        """What Apps said, in order."""
        self._claimed: dict[int, str] = {}
        self._plays: list[Play] = []
        self._changed = asyncio.Event()
        self._started = time.monotonic()

    def changed(self) -> None:
        """Wake everybody who waits for something."""
        self._changed.set()
        self._changed = asyncio.Event()

    def tell(self, line: str) -> None:
        """Note one line in the transcript."""
        self.transcript.append(line)
        self.changed()

    def say(self, author: User, said: Said, line: str) -> None:
        """Note what somebody said; what a bot says has to be claimed."""
        if author.type == "Bot":
            self.said.append(said)
        self.tell(f"{author.login} {line}")

    def complain(self, complaint: str) -> None:
        """Note an odd request."""
        self.complaints.append(complaint)
        self.tell(f"complaint: {complaint}")

    def answered(self, method: str, path: str, status: int, kind: str) -> None:
        """Note a call that was answered."""
        seconds = time.monotonic() - self._started
        self.calls.append(Call(method=method, path=path, status=status, kind=kind, seconds=seconds))
        if status >= 400:
            self.transcript.append(f"answered {status} to {method} {path}")
        self.changed()

    def claim(self, said: Said) -> None:
        """Claim a thing as it now stands."""
        self._claimed[said.id] = words(said)

    def is_new(self, said: Said) -> bool:
        """Tell whether a thing was never claimed, in any state."""
        return said.id not in self._claimed

    def is_changed(self, said: Said) -> bool:
        """Tell whether a claimed thing says something else now."""
        return not self.is_new(said) and self._claimed[said.id] != words(said)

    def unclaimed(self) -> list[str]:
        """Describe what was never claimed, or says something else than when it was claimed."""
        found = []
        for said in self.said:
            if self.is_new(said):
                found.append(describe(said))
            elif self.is_changed(said):
                found.append(f"changed since it was claimed: {describe(said)}")
        return found

    def play(self, play: Play) -> None:
        """Have a failure played."""
        self._plays.append(play)

    def next_play(self, method: str, path: str) -> Play | None:
        """Take the failure that is to be played to this call, if any."""
        for play in self._plays:
            if play.method in ("*", method) and play.path.search(path):
                play.times -= 1
                if play.times <= 0:
                    self._plays.remove(play)
                return play
        return None

    async def wait_for(self, predicate: Callable[[], Found], timeout: float) -> Found:  # noqa: ASYNC109
        """Return the first true value of ``predicate``, which is asked now and after every change.

        ``timeout`` is in seconds; when it runs out, ``AssertionError`` tells all that was said so far.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        while not (found := predicate()):
            # Taken in the same step as the predicate was asked: no change can fall in between.
            alarm = self._changed
            try:
                async with asyncio.timeout_at(deadline):
                    await alarm.wait()
            except TimeoutError:
                raise AssertionError(self.story_so_far(f"not within {timeout:g} s")) from None
        return found

    def story_so_far(self, why: str) -> str:
        """Return a message that begins with ``why`` and tells the whole transcript."""
        return "\n  ".join([f"{why}; so far:", *(self.transcript or ["nothing was said or done"])])

    def assert_nothing_unexpected(self) -> None:
        """Raise ``UnexpectedWords`` with everything unclaimed and every complaint, if there is any."""
        found = [f"unclaimed: {line}" for line in self.unclaimed()]
        found += [f"complaint: {line}" for line in self.complaints]
        if found:
            raise UnexpectedWords("\n".join([*found, self.story_so_far("the whole of it")]))
