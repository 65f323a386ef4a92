"""What a repository sets in ``.github/swarmbot.yml`` of its default branch."""

from __future__ import annotations

from swarmbot.core.model import Ending
from swarmbot.demo.github import DemoGitHub
from tests.stories.conftest import Bot


async def test_a_repository_may_want_another_mode_and_less_autonomy(bot: Bot, github: DemoGitHub) -> None:
    github.commit_file("main", ".github/swarmbot.yml", "mode: headless\nautonomy: ask\n")
    issue = await github.issue("Crash on empty file")
    job = await bot.does(issue, "/agent fix")
    pull = await bot.opened_pull_request()

    assert (job.ending, job.mode, job.autonomy) == (Ending.DONE, "headless", "ask")
    assert "headless, autonomy: ask" in (pull.body or "")


async def test_a_file_that_cannot_be_used_is_named_and_the_next_job_runs(bot: Bot, github: DemoGitHub) -> None:
    github.commit_file("main", ".github/swarmbot.yml", "mode: quick\n")
    issue = await github.issue("Crash on empty file")
    job = await bot.does(issue, "/agent fix")

    assert job.failure is not None
    assert (job.ending, job.failure.kind) == (Ending.FAILED, "config_invalid")
    assert "`$.mode`" in bot.last_reply
    assert "interactive, headless" in bot.last_reply
    assert "Mend `.github/swarmbot.yml` on the default branch" in bot.last_reply

    github.commit_file("main", ".github/swarmbot.yml", "mode: interactive\n")
    again = await github.issue("Crash on empty file, again")
    assert (await bot.does(again, "/agent fix")).ending is Ending.DONE
    await bot.opened_pull_request()
