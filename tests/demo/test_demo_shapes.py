"""What is answered has the fields of GitHub's own description, as githubkit generated its models from it."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from swarmbot.demo.github import DemoGitHub

from .conftest import REPO, Client, Git

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from githubkit import AppAuthStrategy, GitHub
    from githubkit.cache import MemCacheStrategy
    from githubkit_schemas.latest import models


async def test_the_app(client: Client, github: DemoGitHub) -> None:
    token = client.jwt()
    app = (await client.call("GET", "/app", token=token)).json()
    assert models.Integration.model_validate(app).slug == "swarmbot"
    listed = (await client.call("GET", "/app/installations", token=token)).json()
    one = (await client.call("GET", f"/app/installations/{github.installation_id}", token=token)).json()
    found = (await client.call("GET", f"{REPO}/installation", token=token)).json()
    assert listed == [one] == [found]
    assert models.Installation.model_validate(one).app_id == github.app_id
    minted = await client.call("POST", f"/app/installations/{one['id']}/access_tokens", token=token)
    assert models.InstallationToken.model_validate(minted.json()).token


async def test_repository_branch_and_user(client: Client, github: DemoGitHub) -> None:
    repository = (await client.call("GET", REPO)).json()
    parsed = models.FullRepository.model_validate(repository)
    assert (parsed.full_name, parsed.default_branch) == ("acme/wordcount", "main")
    assert repository["clone_url"] == f"{github.web_url}/acme/wordcount.git"
    branch = models.BranchWithProtection.model_validate((await client.call("GET", f"{REPO}/branches/main")).json())
    ref = models.GitRef.model_validate((await client.call("GET", f"{REPO}/git/ref/heads/main")).json())
    assert branch.commit.sha == ref.object_.sha == github.branches()["main"]
    user = models.PublicUser.model_validate((await client.call("GET", "/users/maintainer")).json())
    assert user.login == "maintainer"
    permission = (await client.call("GET", f"{REPO}/collaborators/maintainer/permission")).json()
    assert models.RepositoryCollaboratorPermission.model_validate(permission).permission == "write"
    limit = models.RateLimitOverview.model_validate((await client.call("GET", "/rate_limit")).json())
    assert limit.resources.core.limit == 5000


async def test_issue_comment_label_and_reaction(client: Client, github: DemoGitHub) -> None:
    issue = await github.issue("Crash", "It crashes.", labels=("bug",))
    parsed = models.Issue.model_validate((await client.call("GET", f"{REPO}/issues/{issue.number}")).json())
    assert (parsed.title, parsed.body, parsed.state) == ("Crash", "It crashes.", "open")
    answer = await client.call("POST", f"{REPO}/issues/1/comments", {"body": "On it."})
    comment = models.IssueComment.model_validate(answer.json())
    assert comment.user is not None
    assert (answer.status_code, comment.user.login, comment.user.type) == (201, "swarmbot[bot]", "Bot")
    assert answer.json()["performed_via_github_app"]["id"] == github.app_id
    labels = (await client.call("POST", f"{REPO}/issues/1/labels", {"labels": ["agent"]})).json()
    assert [models.Label.model_validate(label).name for label in labels] == ["bug", "agent"]
    reaction = await client.call("POST", f"{REPO}/issues/comments/{comment.id}/reactions", {"content": "eyes"})
    assert models.Reaction.model_validate(reaction.json()).content == "eyes"


async def test_pull_and_check_run(client: Client, git: Git) -> None:
    sha = await git.branch("fix", client.token)
    body = {"title": "Fix", "head": "fix", "base": "main", "body": "Words."}
    pull = models.PullRequest.model_validate((await client.call("POST", f"{REPO}/pulls", body)).json())
    assert (pull.head.sha, pull.commits, pull.additions, pull.changed_files) == (sha, 1, 1, 1)
    check = {"name": "swarmbot", "head_sha": sha, "status": "in_progress"}
    run = models.CheckRun.model_validate((await client.call("POST", f"{REPO}/check-runs", check)).json())
    assert (run.status, run.conclusion, run.pull_requests[0].number) == ("in_progress", None, pull.number)
    listed = (await client.call("GET", f"{REPO}/commits/{sha}/check-runs")).json()
    assert (listed["total_count"], listed["check_runs"][0]["id"]) == (1, run.id)


async def test_every_answer_has_a_request_id_and_the_rate(client: Client) -> None:
    first, second = await client.call("GET", REPO), await client.call("GET", "/users/ghost")
    assert first.headers["x-github-request-id"] != second.headers["x-github-request-id"]
    remaining = [int(answer.headers["x-ratelimit-remaining"]) for answer in (first, second)]
    assert remaining[0] == remaining[1] + 1
    assert second.status_code == 404
    assert second.json()["message"] == "Not Found"


@pytest.mark.parametrize("model", ["HookDelivery"])
async def test_deliveries(client: Client, github: DemoGitHub, model: str) -> None:
    await github.issue("Crash")
    await github.settled()
    listed: list[dict[str, Any]] = (await client.call("GET", "/app/hook/deliveries", token=client.jwt())).json()
    assert models.HookDeliveryItem.model_validate(listed[0]).event == "issues"
    one = await client.call("GET", f"/app/hook/deliveries/{listed[0]['id']}", token=client.jwt())
    assert getattr(models, model).model_validate(one.json()).guid == listed[0]["guid"]


async def test_the_client_library_speaks_to_it(github: DemoGitHub) -> None:
    issue = await github.issue("Crash")
    app = AppAuthStrategy(str(github.app_id), github.private_key)
    async with GitHub(app, base_url=github.api_url, cache_strategy=MemCacheStrategy()) as library:
        installed = library.with_auth(library.auth.as_installation(github.installation_id))
        comment = await installed.rest.issues.async_create_comment("acme", "wordcount", 1, body="On it.")
        edited = await installed.rest.issues.async_update_comment(
            "acme", "wordcount", comment.parsed_data.id, body="Done."
        )
        assert edited.parsed_data.body == "Done."
        reaction = await installed.rest.reactions.async_create_for_issue("acme", "wordcount", 1, content="eyes")
        assert reaction.status_code == 201
        await installed.rest.apps.async_revoke_installation_access_token()
    assert (await github.next_comment(issue)).body == "Done."
    await github.next_reaction(issue)
    github.assert_nothing_unexpected()
    assert [call.kind for call in github.calls] == ["token", "api", "edit", "api", "token"]
    assert github.access.living_tokens() == []
