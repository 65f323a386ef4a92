"""``/agent fix``: the job that it starts, and what it says where none can start."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from swarmbot.commands import fix
from swarmbot.core.grammar import Invocation
from swarmbot.core.model import JobSpec, Request
from swarmbot.core.policy import AgentFact, Facts, React, Reply, StartJob
from tests.samples import FACTS, ISSUE, REQUEST


def starts(rest: str = "", request: Request = REQUEST, facts: Facts = FACTS, index: int = 0) -> JobSpec:
    job, reaction = fix.decide(Invocation("fix", rest), request, facts, index)
    assert reaction == React("eyes")
    assert isinstance(job, StartJob)
    return job.spec


def says(rest: str = "", request: Request = REQUEST, facts: Facts = FACTS) -> str:
    [reply] = fix.decide(Invocation("fix", rest), request, facts, 0)
    assert isinstance(reply, Reply)
    return reply.body


@pytest.mark.parametrize(
    ("rest", "agent", "words"),
    [
        ("", "shell", ""),
        ("the parser only", "shell", "the parser only"),
        ("with claude", "claude", ""),
        ("with Claude: the parser only", "claude", "the parser only"),
        ("without touching the tests", "shell", "without touching the tests"),
    ],
)
def test_a_job_starts_with_the_agent_and_the_words(rest: str, agent: str, words: str) -> None:
    spec = starts(rest)
    assert (spec.agent, spec.words) == (agent, words)


def test_the_job_knows_who_asked_where_and_when() -> None:
    spec = starts()
    assert (spec.requester, spec.thread, spec.repository) == (REQUEST.sender, ISSUE, REQUEST.repository)
    assert (spec.delivery, spec.comment_id, spec.request_key) == ("d-1", 501, REQUEST.key)
    assert spec.created_at == FACTS.now
    assert spec.branch == f"swarmbot/3-{spec.id}"


def test_the_same_request_is_the_same_job_and_another_one_is_not() -> None:
    later = replace(FACTS, now=2_000.0)
    again = replace(REQUEST, delivery="another")
    assert starts().id == starts(request=again, facts=later).id
    others = {starts().id, starts(index=1).id, starts(request=replace(REQUEST, key="comment:7:502:ab")).id}
    assert len(others) == 3


@pytest.mark.parametrize("name", ["clade", "cluade", "CLAUD"])
def test_an_agent_with_a_slip_gets_the_line_to_write(name: str) -> None:
    body = says(f"with {name} keep it small")
    assert "```\n/agent fix with claude keep it small\n```" in body
    assert "- `claude`: Claude Code" in body


@pytest.mark.parametrize(
    ("rest", "head"), [("with haste", "There is no agent `haste`."), ("with", "`with` needs the name of an agent.")]
)
def test_an_agent_like_no_other_gets_the_default_ones_line_and_the_list(rest: str, head: str) -> None:
    body = says(rest)
    assert body.startswith(head)
    assert "```\n/agent fix\n```" in body
    assert "- `shell`: Shell (the default)" in body


def test_an_agent_that_cannot_work_says_why() -> None:
    body = says("with pi")
    assert "The agent `pi` cannot work on this server: it is away." in body
    assert "— not ready: it is away." in body


def test_a_default_agent_that_there_is_not_is_said_so() -> None:
    assert "There is no agent `gone`." in says(facts=replace(FACTS, default_agent="gone"))


def test_a_default_agent_that_cannot_work_is_said_so() -> None:
    facts = replace(FACTS, agents=(AgentFact("shell", "Shell", "no command."),))
    assert "cannot work on this server: no command." in says(facts=facts)


def test_a_pull_request_is_no_issue_yet() -> None:
    assert "works on issues" in says(request=replace(REQUEST, thread=replace(ISSUE, is_pull=True)))


@pytest.mark.parametrize("name", ["a`b", "@acme/team", "x" * 900, "a\u202eb"])
def test_what_was_written_for_an_agent_stays_in_its_quotes(name: str) -> None:
    first = says(f"with {name} ``` x").splitlines()[0]
    assert first.count("`") == 2
    assert len(first) < 120
    assert "\u202e" not in first


def test_words_cannot_leave_the_code_that_shows_them() -> None:
    body = says("with nobody-at-all a ```` b ``` @acme/team")
    inside = body.split("```")
    assert len(inside) == 3
    assert "@acme/team" in inside[1]


def test_a_model_may_be_named_with_the_agent() -> None:
    facts = replace(FACTS, agents=(AgentFact("claude", "Claude", takes_model=True), *FACTS.agents))
    spec = starts("with claude:opus keep it small", facts=facts)
    assert (spec.agent, spec.model, spec.words) == ("claude", "opus", "keep it small")
    assert starts("with claude", facts=facts).model == ""


@pytest.mark.parametrize("model", ["--dangerously-skip-permissions", "-m", "$(id)", "a;b", "../../x", "x" * 101])
def test_a_model_that_is_no_name_is_refused(model: str) -> None:
    facts = replace(FACTS, agents=(AgentFact("claude", "Claude", takes_model=True), *FACTS.agents))
    assert "/agent fix with claude:MODEL" in says(f"with claude:{model}", facts=facts)


def test_an_agent_without_models_says_so() -> None:
    assert "takes no model" in says("with shell:opus")
