"""Webhooks: signed over their bytes, in order, once, with what GitHub sends in them."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from swarmbot.demo.github import DemoGitHub

from .conftest import REPO, Client, Git, Hook


def _events(hook: Hook) -> list[str]:
    return [
        f"{headers['x-github-event']}.{json.loads(body).get('action')} by {json.loads(body)['sender']['login']}"
        for headers, body in hook.heard
    ]


async def test_a_webhook_is_signed_and_addressed(github: DemoGitHub, hook: Hook) -> None:
    github.hook_url = hook.url
    await github.issue("Crash", "It crashes: ü")
    await github.settled()
    headers, body = hook.heard[0]
    digest = hmac.new(github.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature-256"] == f"sha256={digest}"
    assert headers["x-github-event"] == "issues"
    assert uuid.UUID(headers["x-github-delivery"]).version == 4
    assert headers["x-github-hook-id"]
    assert headers["user-agent"].startswith("GitHub-Hookshot/")
    assert headers["content-type"] == "application/json"
    payload = json.loads(body)
    assert payload["installation"]["id"] == github.installation_id
    assert payload["repository"]["full_name"] == "acme/wordcount"
    assert payload["organization"]["login"] == "acme"
    assert payload["issue"]["body"] == "It crashes: ü"
    logged = github.deliveries[0]
    assert (logged.body, logged.status_code, logged.status) == (body, 202, "OK")
    assert (logged.event, logged.action, logged.redelivery) == ("issues", "opened", False)


async def test_what_people_do_is_heard_in_order(github: DemoGitHub, hook: Hook) -> None:
    github.hook_url = hook.url
    github.user("reporter", "read")
    issue = await github.issue("Crash", by="reporter", labels=("bug",))
    await github.label(issue, "agent")
    comment = await github.comment(issue, "/agent fix")
    await github.edit_comment(comment, "/agent fix it")
    await github.delete_comment(comment)
    await github.unlabel(issue, "agent")
    await github.edit_issue(issue, title="Crash on empty file")
    await github.close(issue)
    await github.settled()
    assert _events(hook) == [
        "issues.opened by reporter",
        "issues.labeled by reporter",
        "issues.labeled by maintainer",
        "issue_comment.created by maintainer",
        "issue_comment.edited by maintainer",
        "issue_comment.deleted by maintainer",
        "issues.unlabeled by maintainer",
        "issues.edited by reporter",
        "issues.closed by maintainer",
    ]
    bodies: list[dict[str, Any]] = [json.loads(body) for _, body in hook.heard]
    assert bodies[2]["label"]["name"] == "agent"
    assert bodies[4]["changes"] == {"body": {"from": "/agent fix"}}
    assert bodies[7]["changes"] == {"title": {"from": "Crash"}}


async def test_the_bot_hears_of_its_own_acts(client: Client, github: DemoGitHub, git: Git, hook: Hook) -> None:
    github.hook_url = hook.url
    sha = await git.branch("fix", client.token)
    await client.call("POST", f"{REPO}/pulls", {"title": "Fix", "head": "fix", "base": "main"})
    comment = await client.call("POST", f"{REPO}/issues/1/comments", {"body": "words"})
    await client.call("POST", f"{comment.json()['url']}/reactions", {"content": "eyes"})
    check = {"name": "swarmbot", "head_sha": sha, "conclusion": "success"}
    await client.call("POST", f"{REPO}/check-runs", check)
    tree = git.folder / "tree-fix"
    newer = await git.commit(tree, "notes.txt", "more words\n")
    await git.run("push", "origin", "fix", token=client.token, cwd=tree)
    await github.settled()
    assert _events(hook) == [
        f"{event} by swarmbot[bot]"
        for event in (
            "pull_request.opened",
            "issue_comment.created",
            "check_run.created",
            "check_run.completed",
            "pull_request.synchronize",
        )
    ]
    bodies: list[dict[str, Any]] = [json.loads(body) for _, body in hook.heard]
    assert "pull_request" in bodies[1]["issue"]
    assert bodies[3]["check_run"]["conclusion"] == "success"
    assert (bodies[4]["before"], bodies[4]["after"], bodies[4]["number"]) == (sha, newer, 1)


@pytest.mark.parametrize(
    ("events", "permissions", "heard"),
    [
        ({"issues", "issue_comment"}, {"issues": "read"}, ["issues.opened", "issue_comment.created"]),
        ({"issue_comment", "check_run"}, {"issues": "write", "checks": "write"}, ["issue_comment.created"]),
        ({"issues", "issue_comment"}, {"contents": "write", "checks": "write"}, []),
        ({"issues", "issue_comment"}, {"pull_requests": "write"}, []),
    ],
)
async def test_only_what_is_subscribed_and_permitted_is_sent(
    tmp_path: Path, private_key: str, hook: Hook, events: set[str], permissions: dict[str, str], heard: list[str]
) -> None:
    async with DemoGitHub(
        tmp_path, private_key_pem=private_key, hook_url=hook.url, events=events, permissions=permissions
    ) as github:
        await github.comment(await github.issue("Crash"), "words")
        await github.settled()
        assert _events(hook) == [f"{event} by maintainer" for event in heard]


async def test_the_answer_of_the_api_does_not_wait_for_the_hook(client: Client, github: DemoGitHub, hook: Hook) -> None:
    github.hook_url = hook.url
    await github.issue("Crash")
    await client.call("POST", f"{REPO}/issues/1/comments", {"body": "words"})
    assert len(github.deliveries) == 2
    await github.wait_for(lambda: all(delivery.status == "OK" for delivery in github.deliveries), timeout=5)


async def test_a_failed_delivery_is_logged_and_sent_again_only_on_request(github: DemoGitHub, hook: Hook) -> None:
    issue = await github.issue("Crash")
    await github.settled()
    github.hook_url = "http://127.0.0.1:1/nobody"
    await github.comment(issue, "nobody listens")
    await github.settled()
    github.hook_url, hook.status = hook.url, 500
    await github.comment(issue, "the hook is broken")
    await github.settled()
    assert [delivery.status_code for delivery in github.deliveries] == [0, 0, 500]
    assert "no hook address" in github.deliveries[0].status
    hook.status = 202
    guid = github.deliveries[0].guid
    again = await github.redeliver(guid)
    assert (again.guid, again.redelivery, again.status_code) == (guid, True, 202)
    assert again.id != github.deliveries[0].id
    assert hook.heard[-1][0]["x-github-delivery"] == guid
    assert hook.heard[-1][1] == github.deliveries[0].body
    with pytest.raises(KeyError):
        await github.redeliver("never")


async def test_lost_deliveries_are_found_and_asked_for_over_the_api(
    client: Client, github: DemoGitHub, hook: Hook
) -> None:
    for number in range(3):
        await github.issue(f"Crash {number}")
    await github.settled()
    app = client.jwt()
    listing = "/app/hook/deliveries?per_page=2&status=failure"
    first = await client.call("GET", listing, token=app)
    rest = await client.call("GET", first.links["next"]["url"], token=app)
    lost = [*first.json(), *rest.json()]
    assert [delivery["id"] for delivery in lost] == [delivery.id for delivery in reversed(github.deliveries)]
    github.hook_url = hook.url
    answer = await client.call("POST", f"/app/hook/deliveries/{lost[0]['id']}/attempts", token=app)
    assert answer.status_code == 202
    await github.settled()
    assert json.loads(hook.heard[0][1])["issue"]["title"] == "Crash 2"
    assert github.deliveries[-1].redelivery


async def test_a_ping(github: DemoGitHub, hook: Hook) -> None:
    github.hook_url = hook.url
    await github.ping()
    await github.settled()
    headers, body = hook.heard[0]
    assert headers["x-github-event"] == "ping"
    assert json.loads(body)["hook"]["app_id"] == github.app_id
