"""Who may say what, and what the bot answers to words that start no job."""

from __future__ import annotations

import pytest

from swarmbot.core.model import Ending
from swarmbot.demo.github import DemoGitHub, Issue
from tests.stories.conftest import Bot


@pytest.fixture
async def issue(github: DemoGitHub) -> Issue:
    return await github.issue("Crash on empty file")


async def test_help_lists_commands_and_agents(bot: Bot, github: DemoGitHub, issue: Issue) -> None:
    await github.comment(issue, "/agent help")

    reply = await github.next_comment(issue)
    for words in ("/agent fix [with AGENT[:MODEL]] [words]", "/agent help", "`demo`", "`shell`", "(the default)"):
        assert words in reply.body


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/agent fx", "/agent fix"),
        ("/agent halp", "/agent help"),
        ("/agent fix with dmo the crash", "/agent fix with demo the crash"),
        ("@swarmbot fiix", "/agent fix"),
    ],
)
async def test_a_slip_gets_the_line_to_write(
    bot: Bot, github: DemoGitHub, issue: Issue, written: str, meant: str
) -> None:
    await github.comment(issue, written)

    reply = await github.next_comment(issue)
    assert f"\n{meant}\n" in reply.body
    assert "Did you mean this?" in reply.body


async def test_an_unknown_agent_gets_the_list(bot: Bot, github: DemoGitHub, issue: Issue) -> None:
    await github.comment(issue, "/agent fix with ../../bin/sh")

    reply = await github.next_comment(issue)
    assert "There is no agent" in reply.body
    assert "`demo`" in reply.body


@pytest.mark.parametrize("permission", ["read", "triage", "none"])
async def test_without_write_access_there_is_a_reaction_and_nothing_else(
    bot: Bot, github: DemoGitHub, issue: Issue, permission: str
) -> None:
    github.user("passer-by", permission=permission)

    comment = await github.comment(issue, "/agent fix", by="passer-by")

    reaction = await github.next_reaction(comment)
    assert reaction.content == "confused"
    await bot.is_idle()
    assert await bot.store.newest(10) == []


@pytest.mark.parametrize(
    "text",
    [
        "I would try /agent fix here",
        "> /agent fix",
        "```\n/agent fix\n```",
        "`/agent fix`",
        "# /agent fix",
        "<!-- /agent fix -->",
        "/agents fix",
        "Thanks!",
    ],
)
async def test_what_is_no_command_leaves_no_trace(bot: Bot, github: DemoGitHub, issue: Issue, text: str) -> None:
    before = len(github.calls)

    await github.comment(issue, text)

    await bot.is_idle()
    assert len(github.calls) == before


async def test_an_edited_or_deleted_comment_and_other_labels_leave_no_trace(
    bot: Bot, github: DemoGitHub, issue: Issue
) -> None:
    comment = await github.comment(issue, "Thanks!")
    await bot.is_idle()
    before = len(github.calls)

    await github.edit_comment(comment, "Thanks a lot!")
    await github.delete_comment(comment)
    await github.label(issue, "agents")
    await github.label(issue, "bug")

    await bot.is_idle()
    assert len(github.calls) == before


@pytest.mark.parametrize("status", [403, 404])
async def test_a_permission_that_cannot_be_asked_means_no(
    bot: Bot, github: DemoGitHub, issue: Issue, status: int
) -> None:
    github.fail("GET", "/permission$", status=status)

    comment = await github.comment(issue, "/agent fix")

    assert (await github.next_reaction(comment)).content == "confused"
    await bot.is_idle()
    assert await bot.store.newest(10) == []


async def test_a_delivery_that_comes_again_starts_nothing(bot: Bot, github: DemoGitHub, issue: Issue) -> None:
    job = await bot.does(issue, "/agent fix")
    await bot.opened_pull_request()
    sent = next(delivery for delivery in github.deliveries if delivery.event == "issue_comment")

    again = await github.redeliver(sent.guid)

    assert "duplicate" in again.response
    await bot.is_idle()
    assert await bot.store.newest(10) == [job.spec.id]


async def test_the_same_request_under_a_new_delivery_id_starts_nothing(
    bot: Bot, github: DemoGitHub, issue: Issue
) -> None:
    job = await bot.does(issue, "/agent fix")
    await bot.opened_pull_request()
    sent = next(delivery for delivery in github.deliveries if delivery.event == "issue_comment")

    answer = await bot.deliver(sent.body, sent.headers | {"X-GitHub-Delivery": "made-up-1"})

    assert answer == {"status": "accepted"}
    await bot.is_idle()
    assert await bot.store.newest(10) == [job.spec.id]


async def test_two_commands_in_one_comment_are_both_done(bot: Bot, github: DemoGitHub, issue: Issue) -> None:
    comment = await github.comment(issue, "/agent help\n\n/agent fix")

    await github.next_comment(issue, "Agents on this server")
    await github.next_reaction(comment)
    assert (await bot.end_of_job(issue)).ending is Ending.DONE
    await bot.opened_pull_request()


async def test_on_a_pull_request_fix_says_where_it_works(bot: Bot, github: DemoGitHub, issue: Issue) -> None:
    await bot.does(issue, "/agent fix")
    pull = await bot.opened_pull_request()

    await github.comment(pull, "/agent fix")

    assert "works on issues" in (await github.next_comment(pull)).body


async def test_a_bots_command_is_not_heard(bot: Bot, github: DemoGitHub, issue: Issue) -> None:
    before = len(github.calls)

    await bot.deliver_comment_by_a_bot(issue, "/agent fix")

    await bot.is_idle()
    assert len(github.calls) == before
