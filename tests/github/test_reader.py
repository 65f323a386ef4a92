"""What is asked of GitHub: who may, and what is there already."""

from __future__ import annotations

import pytest

from swarmbot.core.model import Repository
from swarmbot.core.policy import WRITERS
from swarmbot.demo.github import DemoGitHub
from swarmbot.github.client import Client, GitHubError, Nothing
from swarmbot.github.reader import find_check, find_comment, find_pull, permission
from swarmbot.github.writer import Writer


@pytest.mark.parametrize(
    ("role", "may_write"),
    [("none", False), ("read", False), ("triage", False), ("write", True), ("maintain", True), ("admin", True)],
)
async def test_each_role(
    role: str, may_write: bool, github: DemoGitHub, client: Client, repository: Repository
) -> None:
    github.user("somebody", role)
    assert (await permission(client, repository, "somebody") in WRITERS) == may_write


async def test_somebody_unknown_has_none(client: Client, repository: Repository) -> None:
    assert await permission(client, repository, "nobody-of-that-name") == "none"


@pytest.mark.parametrize("login", ["../../acme/other", "a/b", "maintainer/..", "a?b=c", "x#"])
async def test_a_login_is_never_a_path(login: str, client: Client, repository: Repository) -> None:
    assert await permission(client, repository, login) == "none"


@pytest.mark.parametrize("status", [401, 403, 422, 500])
async def test_an_error_is_never_a_yes(status: int, github: DemoGitHub, client: Client, repository: Repository) -> None:
    github.fail("GET", "/permission$", status=status, times=5)
    with pytest.raises(GitHubError):
        await permission(client, repository, "maintainer")


async def test_a_comment_is_found_by_its_marker_on_any_of_three_pages(
    github: DemoGitHub, client: Client, repository: Repository
) -> None:
    issue = await github.issue("Long")
    path = f"/repos/acme/wordcount/issues/{issue.number}/comments"
    for number in range(250):
        await client.call("POST", path, Nothing, {"body": f"comment <{number}>"})
    before = len(github.calls)
    for number, pages in ((3, 1), (120, 2), (249, 3)):
        found = await find_comment(client, repository, issue.number, f"<{number}>")
        assert found
        assert found.body == f"comment <{number}>"
        assert len(github.calls) == before + pages
        before += pages
    assert await find_comment(client, repository, issue.number, "<not there>") is None
    assert len(github.calls) == before + 3


async def test_a_marker_that_somebody_else_wrote_is_not_ours(
    github: DemoGitHub, client: Client, repository: Repository
) -> None:
    issue = await github.issue("Forged")
    await github.comment(issue, "<!-- swarmbot:job=x -->")
    assert await find_comment(client, repository, issue.number, "swarmbot:job=x") is None


async def test_nothing_is_found_where_nothing_is(client: Client, repository: Repository, github: DemoGitHub) -> None:
    issue = await github.issue("Empty")
    assert await find_comment(client, repository, issue.number, "x") is None
    assert await find_pull(client, repository, "swarmbot/1-x") is None
    assert await find_check(client, repository, github.branches()["main"], "swarmbot") is None


async def test_a_check_run_is_found_by_name(
    writer: Writer, client: Client, repository: Repository, github: DemoGitHub
) -> None:
    sha = github.branches()["main"]
    made = await writer.complete_check(sha=sha, conclusion="success", title="T", summary="S")
    found = await find_check(client, repository, sha, "swarmbot")
    assert found
    assert found.id == made.id
    assert await find_check(client, repository, sha, "other") is None
