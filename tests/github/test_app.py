"""Signing in: what a job's token opens and for how long, and the names of what GitHub refuses."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from swarmbot.core.model import Repository
from swarmbot.demo.github import DemoGitHub, make_private_key
from swarmbot.github.app import JOB_PERMISSIONS, GitHubApp
from swarmbot.github.client import Client, GitHubError, Invalid, Nothing, NotPermitted, NotThere, Unavailable

REPO = "/repos/acme/wordcount"


async def test_a_jobs_token_opens_one_repository_with_what_a_job_needs(
    github: DemoGitHub, app: GitHubApp, repository: Repository
) -> None:
    github.add_repository("acme/other")
    async with app.for_job(github.installation_id, repository.id) as client:
        [token] = github.access.living_tokens()
        assert [there.full_name for there in token.repositories] == ["acme/wordcount"]
        assert token.permissions == {"metadata": "read", **JOB_PERMISSIONS}
        await client.call("GET", f"{REPO}/pulls", list[Nothing])
        with pytest.raises((NotThere, NotPermitted)):
            await client.call("GET", "/repos/acme/other/pulls", list[Nothing])


async def test_a_jobs_token_is_revoked_at_its_end_also_after_an_error(
    github: DemoGitHub, app: GitHubApp, repository: Repository
) -> None:
    async with app.for_job(github.installation_id, repository.id) as client:
        pass
    assert github.access.living_tokens() == []
    with pytest.raises(Unavailable, match="closed"):
        await client.call("GET", f"{REPO}/pulls", list[Nothing])
    with pytest.raises(ZeroDivisionError):
        async with app.for_job(github.installation_id, repository.id):
            raise ZeroDivisionError
    assert github.access.living_tokens() == []


async def test_a_token_that_cannot_be_revoked_does_not_fail_the_job(
    github: DemoGitHub, app: GitHubApp, repository: Repository
) -> None:
    async with app.for_job(github.installation_id, repository.id):
        github.fail("DELETE", "^/installation/token$", status=502)
    assert [call.status for call in github.calls if call.method == "DELETE"] == [502]


async def test_the_installations_token_is_kept(github: DemoGitHub, app: GitHubApp) -> None:
    first = await app.installation(github.installation_id)
    second = await app.installation(github.installation_id)
    assert first.token is second.token
    assert len([call for call in github.calls if call.kind == "token"]) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, NotPermitted),
        (404, NotThere),
        (410, NotThere),
        (409, Invalid),
        (422, Invalid),
        (500, Unavailable),
        (502, Unavailable),
        (503, Unavailable),
    ],
)
async def test_what_github_refuses_has_a_name(
    github: DemoGitHub, client: Client, status: int, kind: type[GitHubError]
) -> None:
    github.fail("GET", "/pulls$", status=status, times=5, message="No, really")
    with pytest.raises(kind, match=f"GitHub answered {status}: No, really") as refused:
        await client.call("GET", f"{REPO}/pulls", list[Nothing])
    assert type(refused.value) is kind
    assert (refused.value.status, refused.value.message) == (status, "No, really")


async def test_a_token_that_github_does_not_know_any_more_is_made_anew(github: DemoGitHub, client: Client) -> None:
    before = client.token.value
    github.fail("GET", "/pulls$", status=401)
    assert await client.call("GET", f"{REPO}/pulls", list[Nothing]) == []
    assert client.token.value != before


async def test_a_second_token_that_is_unknown_is_no_answer_about_permissions(
    github: DemoGitHub, client: Client
) -> None:
    github.fail("GET", "/pulls$", status=401, times=2)
    with pytest.raises(Unavailable):
        await client.call("GET", f"{REPO}/pulls", list[Nothing])


async def test_a_read_is_asked_again_after_a_failure_on_githubs_side(github: DemoGitHub, client: Client) -> None:
    github.fail("GET", "/pulls$", status=502)
    assert await client.call("GET", f"{REPO}/pulls", list[Nothing]) == []


async def test_a_call_waits_where_github_says_how_long_if_that_is_short(github: DemoGitHub, client: Client) -> None:
    issue = await github.issue("One")
    github.fail("POST", "/comments$", status=429, headers={"retry-after": "1"})
    await client.call("POST", f"{REPO}/issues/{issue.number}/comments", Nothing, {"body": "once"})
    github.fail("POST", "/comments$", status=429, headers={"retry-after": "3600"})
    with pytest.raises(Unavailable) as limited:
        await client.call("POST", f"{REPO}/issues/{issue.number}/comments", Nothing, {"body": "twice"})
    assert limited.value.again_s > 3000
    await github.next_comment(issue)


async def test_a_write_that_was_answered_with_an_error_is_not_sent_again(github: DemoGitHub, client: Client) -> None:
    issue = await github.issue("One")
    github.fail("POST", "/comments$", status=502, carried_out=True)
    with pytest.raises(Unavailable):
        await client.call("POST", f"{REPO}/issues/{issue.number}/comments", Nothing, {"body": "once"})
    assert [comment.body for comment in github.comments(issue)] == ["once"]


async def test_an_answer_that_does_not_fit_is_unavailable(client: Client) -> None:
    with pytest.raises(Unavailable, match="does not fit"):
        await client.call("GET", f"{REPO}/pulls", Nothing)


async def test_no_answer_is_unavailable(tmp_path: Path, private_key: str) -> None:
    async with DemoGitHub(tmp_path, private_key_pem=private_key) as github:
        url = github.api_url
    async with GitHubApp(github.app_id, private_key, url) as app:
        with pytest.raises(Unavailable, match="GitHub did not answer") as refused:
            await app.installation(github.installation_id)
    assert refused.value.status == 0


async def test_another_apps_key_is_named_as_the_reason(tmp_path: Path, private_key: str) -> None:
    # An id of its own: within one process githubkit keeps the JWT that it made for an App.
    async with (
        DemoGitHub(tmp_path, private_key_pem=private_key, app_id=4711) as github,
        GitHubApp(github.app_id, make_private_key(), github.api_url) as app,
    ):
        with pytest.raises(Unavailable, match="SWARMBOT_APP_ID, the key and this machine's clock"):
            await app.installation(github.installation_id)


async def test_an_installation_that_is_gone_is_not_there(app: GitHubApp) -> None:
    with pytest.raises(NotThere):
        await app.installation(5)


async def test_the_token_is_never_shown(github: DemoGitHub, client: Client) -> None:
    value = client.token.value
    assert value not in f"{client.token!r} {client.token} {client!r} {vars(client)}"
    github.fail("GET", "/pulls$", status=422)
    with pytest.raises(GitHubError) as refused:
        await client.call("GET", f"{REPO}/pulls", list[Nothing])
    assert value not in "".join(traceback.format_exception(refused.value))
