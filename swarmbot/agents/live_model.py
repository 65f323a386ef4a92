"""What is told of a terminal session to its caller: its status, its events, what cannot be done with it. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from swarmbot.core.usage import Tokens

Status = Literal["starting", "ready", "running", "blocked", "completed", "failed", "stopped"]
"""``ready``: it takes a task. ``blocked``: it waits for a person. The last three are ends: by itself and well; badly;
because somebody or the idle clock stopped it."""

ENDS: tuple[Status, ...] = ("completed", "failed", "stopped")


class SessionsError(Exception):
    """What goes wrong with sessions; the text says what to do."""


class SessionOver(SessionsError):
    """The session has ended, so nothing can be sent to it."""


class NotAsked(SessionsError):
    """The session does not ask anything that has this option."""


class HasTask(SessionsError):
    """The session cannot be given a task: it has one that it was not even sent yet."""


class TooManySessions(SessionsError):
    """As many sessions are alive as are allowed."""


class NoSuchSession(SessionsError):
    """There is no session of that id."""


class NameTaken(SessionsError):
    """A live session has that name."""


class CannotStart(SessionsError):
    """The program could not be started."""


class AgentUnknown(CannotStart):
    """There is no agent file of that name."""


class ProgramMissing(CannotStart):
    """The program is not installed; the text has the command that installs it, where its file has one."""


class CredentialMissing(CannotStart):
    """The environment has no key for the agent's model; the text names the variables."""


class SettingMissing(CannotStart):
    """The environment lacks a variable that the agent cannot do without."""


class NothingToResume(CannotStart):
    """There is no earlier session of that name."""


class SessionEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened in a session, or (``status``) a new status of it."""

    kind: Literal["status", "ready", "busy", "prompt", "question", "done", "exit"]
    status: Status
    """The status at that moment."""
    at: float
    """Seconds since 1970."""
    text: str = ""
    """The words of the prompt or question, or how the program exited; not redacted."""
    options: tuple[str, ...] = ()
    """What a question offers, from the top of the screen."""
    rule: str = ""
    """The rule of the agent's file that answered a prompt; for a question, the kind of trouble that it is, if any."""
    keys: tuple[str, ...] = ()
    """What the rule pressed."""


class SessionInfo(msgspec.Struct, frozen=True):
    """A session as it was at one moment. Texts are as on the screen: not redacted."""

    id: str
    agent: str
    """The agent's name; ``command`` for a plain terminal."""
    tree: Path
    status: Status
    started_at: float
    """Seconds since 1970."""
    idle_s: float
    """Seconds without output and input."""
    folder: Path
    """What belongs to the session alone: home, temporary files, task, recordings."""
    recording: Path
    """The terminal's recording, asciinema v2; the key of the agent's model is taken out."""
    question: str = ""
    """What is asked while the status is ``blocked``."""
    options: tuple[str, ...] = ()
    """What can be answered, for ``answer``; empty where the answer has to be typed."""
    outcome: str = ""
    """The class of the end, such as ``done``, ``exit_code``, ``killed``; a trouble such as ``key_refused`` while the
    status is ``blocked``."""
    cause: str = ""
    """Why it failed or was stopped, in one sentence."""
    summary: str = ""
    """What the agent said last at the end of a task."""
    session_id: str = ""
    """The program's own name of its session, where it tells it."""
    used: Tokens = Tokens()
    """Tokens used, as the program wrote them down; read when a wait returns and at the end."""
