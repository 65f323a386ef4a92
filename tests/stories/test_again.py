"""What is interrupted goes on: a restart of the bot, GitHub out of reach, an App that is taken away."""

from __future__ import annotations

import os

from swarmbot.core.model import Ending
from swarmbot.core.story import AgentStarted, PromptAnswered
from swarmbot.demo.github import DemoGitHub
from swarmbot.jobs.embedded_redis import EmbeddedRedis
from swarmbot.settings import Settings
from tests.stories.conftest import Bot, running_bot

OPERATOR = {"PATH": os.environ["PATH"]}


async def test_a_job_goes_on_after_the_bot_was_stopped_and_started(
    settings: Settings, github: DemoGitHub, own_redis_server: EmbeddedRedis
) -> None:
    issue = await github.issue("Crash on empty file")
    async with running_bot(settings, github, own_redis_server.url, OPERATOR) as bot:
        comment = await github.comment(issue, "/agent fix")
        job_id = await bot.newest_job()
        async for entry in bot.store.follow(job_id):
            if isinstance(entry.event, AgentStarted):
                break

    async with running_bot(settings, github, own_redis_server.url, OPERATOR) as bot:
        await github.next_reaction(comment)
        job = await bot.end_of_job(issue)
        await bot.opened_pull_request()

    assert job.ending is Ending.DONE
    assert job.attempt == 2
    github.assert_nothing_unexpected()


async def test_a_delivery_waits_for_a_github_that_is_out_of_reach(bot: Bot, github: DemoGitHub) -> None:
    issue = await github.issue("Crash on empty file")
    # githubkit itself tries four times, over some seconds, before the delivery is put off.
    github.fail("GET", "/permission$", status=503, times=1)

    job = await bot.does(issue, "/agent fix")

    assert job.ending is Ending.DONE
    await bot.opened_pull_request()


async def test_the_end_is_told_when_github_is_back_and_only_once(bot: Bot, github: DemoGitHub) -> None:
    issue = await github.issue("Crash on empty file")
    comment = await github.comment(issue, "/agent fix with nothing")
    await github.next_reaction(comment)
    status = await github.next_comment(issue, "swarmbot:job=")
    # One that is said though its answer is lost, and then some that are not: a later attempt finds the first.
    github.fail("POST", "/comments$", status=502, times=1, carried_out=True)
    github.fail("GET", "/comments$", status=502, times=2)

    job_id = await bot.newest_job()
    async for _ in bot.store.follow(job_id):
        pass

    await github.next_comment(issue, "changed no file")
    github.claim(status)
    replies = [found for found in github.comments(issue) if "changed no file" in found.body]
    assert len(replies) == 1


async def test_a_job_whose_app_was_taken_away_ends_unheard_and_the_next_one_runs(bot: Bot, github: DemoGitHub) -> None:
    first, second = await github.issue("Crash on empty file"), await github.issue("Another one")
    await github.comment(first, "/agent help")
    await github.next_comment(first, "Agents on this server")
    github.fail("POST", "/access_tokens$", status=404, times=1)

    await github.next_reaction(await github.comment(first, "/agent fix"))

    job_id = await bot.newest_job()
    async for _ in bot.store.follow(job_id):
        pass
    job = await bot.store.load(job_id)
    assert job.failure is not None
    assert job.failure.kind == "no_access"
    assert (await bot.does(second, "/agent fix")).ending is Ending.DONE
    await bot.opened_pull_request()


async def test_a_command_is_heard_when_github_does_not_know_the_bots_token_any_more(
    bot: Bot, github: DemoGitHub
) -> None:
    issue = await github.issue("Crash on empty file")
    github.fail("GET", "/permission$", status=401)

    assert (await bot.does(issue, "/agent fix")).ending is Ending.DONE
    await bot.opened_pull_request()


async def test_a_token_that_is_revoked_while_the_agent_works_costs_nothing(bot: Bot, github: DemoGitHub) -> None:
    issue = await github.issue("Crash on empty file")
    comment = await github.comment(issue, "/agent fix")
    async for entry in bot.store.follow(await bot.newest_job()):
        if isinstance(entry.event, PromptAnswered):
            break
    github.fail("POST", "/pulls$", status=401)

    await github.next_reaction(comment)
    assert (await bot.end_of_job(issue)).ending is Ending.DONE
    await bot.opened_pull_request()
