"""What is known of each agent on this machine: which release is installed, its key, whether it can work and why not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from swarmbot.agents.programs import Versions, credentials, doubt, find, problem
from swarmbot.core.agent_spec import AgentSpec, Mode
from swarmbot.core.session_model import OutcomeKind
from swarmbot.core.usage import Tokens

_SECRET_NAME = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$")
_SHORTEST_SECRET = 12
"""Of a value that only its variable's name makes a secret; a shorter one may be an ordinary word."""


class Tried(msgspec.Struct, frozen=True):
    """What came of a small task that the agent was given. All texts are redacted."""

    ok: bool
    ended: OutcomeKind | Literal["not_started", "no_answer"]
    """How the session ended: ``done``, or the class of the failure. Beside the session's own classes: ``not_started``
    where there was none, ``no_answer`` where the agent was done without a word."""
    seconds: float
    cause: str = ""
    advice: str = ""
    """What the operator has to do; empty where it is done."""
    said: str = ""
    """What the agent said last."""
    tokens: Tokens = Tokens()
    rows: tuple[str, ...] = ()
    """The last rows of its screen, where it failed."""


class Entry(msgspec.Struct, frozen=True):
    """One agent as this machine has it."""

    name: str
    title: str
    installed: bool
    version: str
    """Empty where the program is not there, does not say, or is not one program."""
    path: str
    tested: tuple[str, ...]
    """The oldest and the newest release that was driven; empty: none was."""
    word: str
    """What is to be said about the release: missing, or outside of ``tested``, with what installs a right one."""
    credential: tuple[str, ...]
    """Names of the operator's variables that hold a key for it."""
    ready: bool
    problem: str
    """Why it cannot work and what to do; empty where it can."""
    modes: tuple[Mode, ...]
    tried: Tried | msgspec.UnsetType = msgspec.UNSET


class Roll(msgspec.Struct, frozen=True):
    """The agents, as ``swarmbot agents --json`` prints them."""

    agents: tuple[Entry, ...]


async def call(specs: Iterable[AgentSpec], operator: Mapping[str, str], programs: Path | None) -> tuple[Entry, ...]:
    """Return an entry for each agent, in their order; all programs are asked for their versions at once."""
    versions = Versions(operator, programs)

    async def entry(spec: AgentSpec) -> Entry:
        path = find(spec, operator, programs)
        named = path is not None and not path.startswith("{")
        version = await versions.of(spec) if named else ""
        return describe(spec, operator, programs, path if named else path and "", version)

    return tuple(await asyncio.gather(*(entry(spec) for spec in specs)))


def describe(
    spec: AgentSpec, operator: Mapping[str, str], programs: Path | None, path: str | None, version: str
) -> Entry:
    """Return the entry of an agent; ``path`` is its program's, None where it is missing, empty where it has none."""
    return Entry(
        name=spec.name,
        title=spec.title,
        installed=path is not None,
        version=version,
        path=path or "",
        tested=spec.program.tested if spec.program else (),
        word=_missing(spec) if path is None else doubt(spec, version),
        credential=credentials(spec, operator),
        ready=not (wrong := problem(spec, operator, programs)),
        problem=wrong,
        modes=spec.modes,
    )


def secret_values(operator: Mapping[str, str], specs: Iterable[AgentSpec]) -> tuple[str, ...]:
    """Return the values in an environment that are keys of models, or are secrets by the name of their variable."""
    keys = {operator[name] for spec in specs for name in credentials(spec, operator)}
    named = {value for name, value in operator.items() if _SECRET_NAME.search(name.upper())}
    return (*sorted(keys), *sorted(value for value in named - keys if len(value) >= _SHORTEST_SECRET))


def _missing(spec: AgentSpec) -> str:
    install = spec.program.install if spec.program else ""
    return f"not installed. Install it: {install}" if install else "not installed."
