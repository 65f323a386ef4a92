"""The command line. Each command loads only what it needs."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
import typer

from swarmbot import __version__
from swarmbot.core.agent_spec import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from swarmbot.core.agent_spec import AgentSpec
    from swarmbot.settings import Settings

app = typer.Typer(
    name="swarmbot",
    help="A GitHub App that you host: /agent fix on an issue becomes a pull request.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"swarmbot {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def up() -> None:
    """Run everything here, with a Redis of its own.

    With SWARMBOT_REDIS_URL set, that Redis is used.
    """
    from swarmbot import running

    _serve(running.up)


@app.command()
def web() -> None:
    """Run the web server alone.

    It takes webhooks into the Redis of SWARMBOT_REDIS_URL.
    """
    from swarmbot import running

    _serve(running.web)


@app.command()
def worker() -> None:
    """Run a worker alone.

    It does the jobs that it finds in the Redis of SWARMBOT_REDIS_URL.
    """
    from swarmbot import running

    _serve(running.worker)


@app.command()
def check(*, as_json: Json = False) -> None:
    """Say what is there and what is missing.

    Exit code 1 if the bot could not work.
    """
    from swarmbot import checkup

    settings = _settings()
    findings = asyncio.run(checkup.examine(settings, dict(os.environ)))
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(findings), indent=2) + b"\n")
    else:
        checkup.show(findings)
    raise typer.Exit(0 if findings.ok else 1)


@app.command()
def demo(
    *,
    scenario: Annotated[str, typer.Option(help="fix: a comment asks for it; label: a label does.")] = "fix",
    agent: Annotated[str, typer.Option(help="The agent that works; the demo's own needs no program.")] = "demo",
    mode: Annotated[str, typer.Option(help="How its program runs: interactive, or headless.")] = "interactive",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the folder with all data, and say where it is.")] = False,
    as_json: Json = False,
) -> None:
    """Show the whole way to a pull request.

    A small GitHub on loopback sends a real webhook to the real bot, and gets a real pull request.
    """
    from swarmbot.demo import run

    if scenario not in run.SCENARIOS:
        _fail(f"There is no scenario {scenario!r}; there are: {', '.join(run.SCENARIOS)}")
    if problem := run.problem(agent, mode):
        _fail(problem)
    chosen: Mode = "headless" if mode == "headless" else "interactive"
    raise typer.Exit(run.main(scenario, agent, chosen, keep=keep, as_json=as_json))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="An asciinema v2 recording.")],
    *,
    agent: Annotated[str, typer.Option(help="The agent whose file reads the screens.")],
    mode: Annotated[Mode, typer.Option(help="How it ran.")] = "interactive",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line instead.")] = False,
) -> None:
    """Show what a session sees in a recording.

    Each prompt with the rule and the keys that answer it; when the agent was ready, busy, done, and gone.
    """
    from swarmbot import replaying

    raise typer.Exit(replaying.main(_agent(_agents(_settings()), agent), file, mode, as_json=as_json))


@app.command()
def record(
    command: Annotated[
        list[str] | None, typer.Argument(help="What to run, after `--`; without it, the agent as a job starts it.")
    ] = None,
    *,
    agent: Annotated[str, typer.Option(help="The agent whose file reads the screens.")],
    output: Annotated[Path | None, typer.Option(help="The file; without it, AGENT-TIME.cast in this folder.")] = None,
    task: Annotated[str, typer.Option(help="A task: a session drives the agent instead of you.")] = "",
    cols: Annotated[int | None, typer.Option(min=20, max=1000, help="Columns; without it, your terminal's.")] = None,
    rows: Annotated[int | None, typer.Option(min=5, max=1000, help="Rows; without it, your terminal's.")] = None,
) -> None:
    """Record a program in this folder, so that it replays.

    You type to it as usual, and what you type is recorded too. The agent has a home of its own, which is gone
    afterwards; a command of yours runs in your own environment.
    """
    from swarmbot import recording_by_hand
    from swarmbot.agents.roll import secret_values
    from swarmbot.core.session_model import Limits

    settings = _settings()
    specs = _agents(settings)
    order = recording_by_hand.Order(
        spec=_agent(specs, agent),
        output=output or Path(f"{agent}-{time.strftime('%Y%m%d-%H%M%S')}.cast"),
        tree=Path.cwd(),
        operator=dict(os.environ),
        secrets=secret_values(os.environ, specs.values()),
        command=tuple(command or ()),
        task=task,
        cols=cols or 0,
        rows=rows or 0,
        programs=settings.programs_folder,
        autonomy=settings.autonomy,
        limits=Limits(silence_s=settings.silence_s, total_s=settings.job_timeout_s),
    )
    raise typer.Exit(recording_by_hand.main(order))


@app.command()
def agents(
    names: Annotated[list[str] | None, typer.Argument(help="Agents; without any, all.")] = None,
    *,
    try_them: Annotated[bool, typer.Option("--try", help="Give each that is ready a small task.")] = False,
    as_json: Json = False,
) -> None:
    """Say which agents are here: release, key, and whether they can work.

    Exit code 1 if an agent that was named is not ready, or one that was tried failed.
    """
    from swarmbot import agents_table

    settings = _settings()
    specs = _agents(settings)
    chosen = [_agent(specs, name) for name in names] if names else list(specs.values())
    raise typer.Exit(
        agents_table.main(chosen, settings, dict(os.environ), named=bool(names), try_them=try_them, as_json=as_json)
    )


def _agents(settings: Settings) -> dict[str, AgentSpec]:
    from swarmbot.agents import load
    from swarmbot.core.agent_spec import AgentSpecError

    try:
        return load(*([settings.agents_dir] if settings.agents_dir else []))
    except AgentSpecError as error:
        _fail(str(error))


def _agent(specs: dict[str, AgentSpec], name: str) -> AgentSpec:
    from swarmbot.core.grammar import did_you_mean

    if name not in specs:
        near = did_you_mean(name, specs)
        meant = f" Did you mean {near}?" if near else ""
        _fail(f"There is no agent {name!r}.{meant} There are: {', '.join(sorted(specs))}.")
    return specs[name]


def _settings() -> Settings:
    from swarmbot import settings

    try:
        return settings.load()
    except settings.SettingsError as error:
        _fail(str(error))


def _serve(run: Callable[[Settings], Coroutine[Any, Any, None]]) -> None:
    from swarmbot import logs, running

    settings = _settings()
    secret = settings.webhook_secret.get_secret_value()
    logs.configure((secret,) if secret else ())
    try:
        running.until_stopped(run(settings))
    except* running.OPERATOR_ERRORS as group:
        _fail("\n".join(str(error) for error in _leaves(group)))


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def _fail(message: str) -> NoReturn:
    print(f"swarmbot: {message}", file=sys.stderr)
    raise SystemExit(2)
