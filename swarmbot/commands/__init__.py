"""The slash commands, one file each, joined here: to add one, write its file and name it in ``ALL``."""

from __future__ import annotations

from swarmbot.commands import fix
from swarmbot.commands import help as help_
from swarmbot.core import grammar
from swarmbot.core.model import Request
from swarmbot.core.policy import Command, Effect, Facts, React, Refused, Reply

ALL: tuple[Command, ...] = (fix.COMMAND, help_.make(lambda: ALL))
BY_NAME = {command.name: command for command in ALL}


def decide(request: Request, invocations: list[grammar.Invocation], facts: Facts) -> list[Effect]:
    """Return all that the commands of one request want done, in order.

    Who may not write gets one 😕 for all of them and nothing else.
    """
    if not facts.may_write:
        return [React("confused"), Refused(f"{request.sender.login} has {facts.permission!r} permission, not write")]
    effects: list[Effect] = []
    for index, invocation in enumerate(invocations):
        command = BY_NAME.get(invocation.verb)
        wanted = command.decide(invocation, request, facts, index) if command else [unknown_verb(invocation.verb)]
        effects += [effect for effect in wanted if effect not in effects]
    return effects


def unknown_verb(verb: str) -> Reply:
    """Say which command was probably meant, and which there are."""
    near = grammar.did_you_mean(verb, BY_NAME)
    if not verb:
        head = "`/agent` needs a command."
    elif near:
        head = f"I do not know `/agent {_quoted(verb)}`. Did you mean this?\n\n```\n/agent {near}\n```"
    else:
        head = f"I do not know `/agent {_quoted(verb)}`."
    return Reply(f"{head}\n\n{help_.table(ALL)}")


def _quoted(word: str) -> str:
    """Cut and clean a word of the request so that it can stand in inline code."""
    return "".join(char for char in word if char.isprintable() and char != "`")[:40]
