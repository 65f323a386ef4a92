"""``swarmbot agents``: which agents this machine has, and whether they can work, for people and as JSON."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence

import msgspec

from swarmbot import logs
from swarmbot.agents import roll, trial
from swarmbot.agents.roll import Entry, Roll, Tried
from swarmbot.core.agent_spec import AgentSpec
from swarmbot.core.redact import redactor
from swarmbot.replaying import one_line
from swarmbot.settings import Settings
from swarmbot.terminal.interrupts import Interrupted, until_interrupted

_NARROWEST = 100
"""Columns of the table where it goes into a file or a pipe, whose width nobody knows."""


def main(
    specs: Sequence[AgentSpec],
    settings: Settings,
    operator: Mapping[str, str],
    *,
    named: bool,
    try_them: bool,
    as_json: bool,
) -> int:
    """Print the agents; return the exit code: 1 if one that was ``named`` is not ready, or failed when it was tried.

    130 when the process was told to end meanwhile.
    """
    secrets = roll.secret_values(operator, specs)
    logs.configure(secrets)
    try:
        found = asyncio.run(
            until_interrupted(examine(specs, settings, operator, redactor(secrets) if try_them else None))
        )
    except Interrupted:
        return 130
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    else:
        show(found)
    failed = any(isinstance(entry.tried, Tried) and not entry.tried.ok for entry in found.agents)
    return int(failed or (named and not all(entry.ready for entry in found.agents)))


async def examine(
    specs: Sequence[AgentSpec], settings: Settings, operator: Mapping[str, str], redact: Callable[[str], str] | None
) -> Roll:
    """Look at the agents; with ``redact`` each that is ready gets a small task, one after the other.

    ``redact`` is applied to what comes of the tasks.
    """
    entries = await roll.call(specs, operator, settings.programs_folder)
    if redact is None:
        return Roll(entries)
    tried = []
    for spec, entry in zip(specs, entries, strict=True):
        if entry.ready:
            result = await trial.attempt(
                spec, operator, settings.programs_folder, autonomy=settings.autonomy, redact=redact
            )
            tried.append(msgspec.structs.replace(entry, tried=result))
        else:
            tried.append(entry)
    return Roll(tuple(tried))


def show(found: Roll) -> None:
    """Print the agents for people."""
    from rich.console import Console  # noqa: PLC0415 - only where something is drawn
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _NARROWEST)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("agent", "version", "tested", "key", "modes", "state"):
        table.add_column(heading, overflow="fold")
    for entry in found.agents:
        table.add_row(*(Text(cell) for cell in _cells(entry)))
    console.print(table)
    for entry in found.agents:
        if lines := _remarks(entry):
            console.print(f"\n{entry.name}: {entry.title}", soft_wrap=True)
            for line in lines:
                console.print(f"  {line}", soft_wrap=True)


def _cells(entry: Entry) -> tuple[str, ...]:
    missing = "any" if entry.installed else "missing"
    return (
        entry.name,
        entry.version or missing,
        " to ".join(entry.tested) or "-",
        ", ".join(entry.credential) or "-",
        ", ".join(entry.modes),
        _state(entry),
    )


def _state(entry: Entry) -> str:
    if not entry.ready:
        return "not ready"
    if isinstance(entry.tried, Tried):
        return f"tried: {entry.tried.ended}"
    return "ready, untested release" if entry.word else "ready"


def _remarks(entry: Entry) -> list[str]:
    lines = [entry.path] if entry.path else []
    if entry.problem:
        lines.append(entry.problem)
    if entry.word and entry.installed:
        lines.append(entry.word)
    if isinstance(entry.tried, Tried):
        lines += _trial_lines(entry.tried)
    return lines


def _trial_lines(tried: Tried) -> list[str]:
    used = [f"{tried.tokens.input} tokens in, {tried.tokens.output} out"] if tried.tokens.input else []
    if tried.tokens.cost_usd is not None:
        used.append(f"${tried.tokens.cost_usd:.4f}")
    result = "done" if tried.ok else f"failed ({tried.ended})"
    told = one_line(tried.said if tried.ok else tried.cause)
    first = f"Tried: {', '.join([result, f'{tried.seconds:.1f} s', *used])}{f': {told}' if told else ''}"
    return [first, *([tried.advice] if tried.advice else []), *(f"| {row}" for row in tried.rows)]
