"""``/agent help``: made from the commands and agents that there are."""

from __future__ import annotations

from swarmbot import commands
from swarmbot.commands import help as help_
from swarmbot.core.grammar import Invocation
from swarmbot.core.policy import Command, Reply
from tests.samples import FACTS, REQUEST


def said(made: Command) -> str:
    [reply] = made.decide(Invocation("help"), REQUEST, FACTS, 0)
    assert isinstance(reply, Reply)
    return reply.body


def test_every_command_and_agent_is_in_it() -> None:
    body = said(commands.BY_NAME["help"])
    for command in commands.ALL:
        assert f"| `{command.usage}` | {command.summary} |" in body
    for agent in FACTS.agents:
        assert f"- `{agent.name}`: {agent.title}" in body
    assert "`@swarmbot` works" in body
    assert "`agent:NAME`" in body


def test_a_new_command_is_in_it_at_once() -> None:
    new = Command("dance", "/agent dance", "Dances.", (), lambda *_: [])
    assert "| `/agent dance` | Dances. |" in said(help_.make(lambda: [new]))
