"""``/agent fix [with AGENT[:MODEL]] [words]``: work on the issue and open a pull request."""

from __future__ import annotations

import re

from swarmbot.commands.help import agents as list_agents
from swarmbot.core import grammar
from swarmbot.core.grammar import Invocation
from swarmbot.core.model import JobSpec, Request, job_id
from swarmbot.core.policy import Command, Effect, Facts, React, Reply, StartJob

MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}")
"""Names of models as vendors write them; none begins like an option of a program."""


def decide(invocation: Invocation, request: Request, facts: Facts, index: int) -> list[Effect]:
    """Start a job for the issue, or say what to write instead."""
    arguments = grammar.fix_arguments(invocation.rest)
    name = facts.default_agent if arguments.agent is None else arguments.agent
    agent = facts.agent(name)
    if agent is None:
        return [_unknown_agent(name, arguments.words, facts)]
    if agent.problem:
        return [Reply(f"The agent `{agent.name}` cannot work on this server: {agent.problem}\n\n{list_agents(facts)}")]
    if arguments.model and not MODEL.fullmatch(arguments.model):
        return [Reply(f"That is no name of a model. Write it so:\n\n```\n/agent fix with {agent.name}:MODEL\n```")]
    if arguments.model and not agent.takes_model:
        return [
            Reply(f"The agent `{agent.name}` takes no model. Leave it out:\n\n```\n/agent fix with {agent.name}\n```")
        ]
    if request.thread.is_pull:
        return [
            Reply("`/agent fix` works on issues. Open an issue for this change, or write the command on the issue.")
        ]
    spec = JobSpec(
        id=job_id(request.key, index),
        repository=request.repository,
        thread=request.thread,
        requester=request.sender,
        agent=agent.name,
        words=arguments.words,
        request_key=request.key,
        delivery=request.delivery,
        created_at=facts.now,
        comment_id=request.comment_id,
        model=arguments.model,
    )
    return [StartJob(spec), React("eyes")]


def _unknown_agent(name: str, words: str, facts: Facts) -> Reply:
    shown = "".join(char for char in name if char.isprintable() and char != "`")[:40]
    near = grammar.did_you_mean(name, [agent.name for agent in facts.agents])
    # Without a guess the line to write leaves the agent out: "fix with care" was never meant to name one.
    line = f"/agent fix with {near}" if near else "/agent fix"
    head = f"There is no agent `{shown}`." if shown else "`with` needs the name of an agent."
    meant = "Did you mean this?" if near else "Write this for the default one:"
    text = " ".join(words.replace("```", "").split())[:200]
    return Reply(f"{head} {meant}\n\n```\n{line} {text}".rstrip() + f"\n```\n\n{list_agents(facts)}")


COMMAND = Command(
    "fix",
    "/agent fix [with AGENT[:MODEL]] [words]",
    "Works on this issue and opens a pull request.",
    ("/agent fix", "/agent fix with claude keep the public interface", "/agent fix with claude:opus"),
    decide,
)
