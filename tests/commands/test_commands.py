"""Which command of a comment is carried out, for whom, and what is said of those that there are not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from swarmbot import commands
from swarmbot.core import grammar
from swarmbot.core.policy import Effect, Facts, React, Refused, Reply, StartJob
from tests.samples import FACTS, REQUEST


def decide(text: str, facts: Facts = FACTS) -> list[Effect]:
    return commands.decide(replace(REQUEST, text=text), grammar.find(text, facts.app_slug), facts)


@pytest.mark.parametrize("permission", ["read", "triage", "none", "", "WRITE", "owner"])
@pytest.mark.parametrize("text", ["/agent fix", "/agent help", "/agent nonsense", "/agent fix\n/agent fix with pi"])
def test_without_write_access_there_is_one_confused_face_and_a_line_in_the_log(permission: str, text: str) -> None:
    reaction, refused = decide(text, replace(FACTS, permission=permission))
    assert reaction == React("confused")
    assert isinstance(refused, Refused)
    assert "maintainer" in refused.reason


@pytest.mark.parametrize("permission", ["write", "maintain", "admin"])
def test_with_write_access_a_job_starts(permission: str) -> None:
    assert any(isinstance(effect, StartJob) for effect in decide("/agent fix", replace(FACTS, permission=permission)))


def test_a_comment_without_a_command_wants_nothing() -> None:
    assert decide("What a fix that was, /agent!") == []


@pytest.mark.parametrize(
    ("text", "meant"), [("/agent fixx", "/agent fix"), ("/agent hepl", "/agent help"), ("/agent FIXE", "/agent fix")]
)
def test_a_verb_with_a_slip_gets_the_line_to_write(text: str, meant: str) -> None:
    [reply] = decide(text)
    assert isinstance(reply, Reply)
    assert f"```\n{meant}\n```" in reply.body
    assert "| `/agent fix [with AGENT[:MODEL]] [words]` |" in reply.body


def test_a_verb_like_no_other_gets_the_list_alone() -> None:
    [reply] = decide("/agent deploy")
    assert isinstance(reply, Reply)
    assert "`/agent deploy`" in reply.body
    assert "Did you mean" not in reply.body
    assert "`/agent help`" in reply.body


def test_no_verb_gets_the_list() -> None:
    [reply] = decide("/agent")
    assert isinstance(reply, Reply)
    assert reply.body.startswith("`/agent` needs a command.")


@pytest.mark.parametrize("verb", ["`@everyone`", "x" * 500, "a|b", "@acme/team"])
def test_an_unknown_verb_stays_in_its_quotes(verb: str) -> None:
    [reply] = decide(f"/agent {verb}")
    assert isinstance(reply, Reply)
    first = reply.body.splitlines()[0]
    assert first.count("`") == 2
    assert len(first) < 100


def test_several_commands_are_carried_out_in_their_order() -> None:
    effects = decide("/agent fix the parser\n/agent help\n/agent fix with claude the tests")
    kinds = [type(effect) for effect in effects]
    assert kinds == [StartJob, React, Reply, StartJob]
    first, second = (effect.spec for effect in effects if isinstance(effect, StartJob))
    assert (first.words, second.words) == ("the parser", "the tests")
    assert first.id != second.id


def test_the_same_mistake_twice_is_answered_once() -> None:
    assert len(decide("/agent deploy\n/agent deploy")) == 1


def test_every_command_can_be_found_and_shows_how_it_is_written() -> None:
    assert [*commands.BY_NAME] == [command.name for command in commands.ALL]
    for command in commands.ALL:
        assert command.usage.startswith(f"/agent {command.name}")
        assert command.summary.endswith(".")
        for example in command.examples:
            assert [found.verb for found in grammar.find(example, "swarmbot")] == [command.name]
