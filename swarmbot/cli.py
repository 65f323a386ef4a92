"""The command line. Each command loads only what it needs."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
import typer

from swarmbot import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

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
    agent: Annotated[str, typer.Option(help="The agent that works: demo, or shell.")] = "demo",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the folder with all data, and say where it is.")] = False,
    as_json: Json = False,
) -> None:
    """Show the whole way to a pull request.

    A small GitHub on loopback sends a real webhook to the real bot, and gets a real pull request.
    """
    from swarmbot.demo import run

    if scenario not in run.SCENARIOS:
        _fail(f"There is no scenario {scenario!r}; there are: {', '.join(run.SCENARIOS)}")
    if agent not in run.AGENTS:
        _fail(f"The demo has no agent {agent!r}; it has: {', '.join(run.AGENTS)}")
    raise typer.Exit(run.main(scenario, agent, keep=keep, as_json=as_json))


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
