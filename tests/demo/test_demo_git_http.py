"""git over HTTP, by a real git: who may clone and push, and how a push is refused."""

from __future__ import annotations

import pytest

from swarmbot.demo.github import DemoGitHub

from .conftest import Client, Git

WORKFLOW = ".github/workflows/ci.yml"


async def test_clone_and_push_with_a_token(client: Client, github: DemoGitHub, git: Git) -> None:
    sha = await git.branch("swarmbot/1-a", client.token)
    assert github.branches()["swarmbot/1-a"] == sha
    listed = await git.run("ls-remote", git.url, "refs/heads/swarmbot/1-a", token=client.token)
    assert listed.stdout.split() == [sha, "refs/heads/swarmbot/1-a"]
    assert {call.kind for call in github.calls} == {"token", "git"}
    assert github.complaints() == []


async def test_a_large_push_and_clone_are_streamed(client: Client, github: DemoGitHub, git: Git) -> None:
    # More than http.postBuffer (1 MiB), so that git sends it in chunks of unknown total length.
    noise = "".join(f"{number * 7919 % 1000003:x}{number:x}\n" for number in range(400_000))
    await git.branch("large", client.token, "noise.txt", noise)
    assert len(github.file("large", "noise.txt")) == len(noise)
    again = git.folder / "again"
    await git.run("clone", "--quiet", "--branch", "large", git.url, str(again), token=client.token)
    assert (again / "noise.txt").read_text() == noise


async def test_without_a_token_git_is_asked_for_one(client: Client, github: DemoGitHub, git: Git) -> None:
    done = await git.run("ls-remote", git.url)
    assert done.returncode != 0
    assert "could not read Username" in done.stderr
    assert github.complaints() == []


async def test_a_revoked_token_does_not_clone(client: Client, github: DemoGitHub, git: Git) -> None:
    await client.call("DELETE", "/installation/token")
    assert (await git.run("ls-remote", git.url, token=client.token)).returncode != 0
    assert "after its token was revoked" in github.complaints()[0]


async def test_a_token_must_cover_the_repository(client: Client, github: DemoGitHub, git: Git) -> None:
    github.add_repository("acme/other")
    token = await client.mint(repositories=["other"])
    done = await git.run("ls-remote", git.url, token=token)
    assert "not found" in done.stderr
    assert (await git.run("ls-remote", f"{github.web_url}/acme/other.git", token=token)).returncode == 0


async def _push(git: Git, token: str, path: str = "notes.txt", text: str = "words\n") -> str:
    tree = git.folder / "tree"
    await git.run("clone", "--quiet", git.url, str(tree), token=token)
    await git.commit(tree, path, text)
    return (await git.run("push", "origin", "HEAD:refs/heads/fix", token=token, cwd=tree)).stderr


async def test_pushing_needs_write_permission(client: Client, github: DemoGitHub, git: Git) -> None:
    token = await client.mint(permissions={"contents": "read"})
    said = await _push(git, token)
    assert "Write access to repository not granted" in said
    assert "403" in said
    assert "fix" not in github.branches()


async def test_a_push_is_refused_on_request(client: Client, github: DemoGitHub, git: Git) -> None:
    github.refuse_pushes()
    said = await _push(git, client.token)
    assert "Permission to acme/wordcount.git denied to swarmbot[bot]" in said
    assert "403" in said
    github.refuse_pushes(refuse=False)
    await git.branch("fix", client.token)
    assert "fix" in github.branches()
    assert github.complaints() == []


async def test_a_ref_is_rejected_on_request(client: Client, github: DemoGitHub, git: Git) -> None:
    github.reject_refs()
    said = await _push(git, client.token)
    assert "! [remote rejected] HEAD -> fix (protected branch hook declined)" in said
    assert "fix" not in github.branches()
    github.reject_refs(None)
    await git.branch("fix", client.token)
    assert "fix" in github.branches()


async def test_a_workflow_needs_its_own_permission(client: Client, github: DemoGitHub, git: Git) -> None:
    said = await _push(git, client.token, WORKFLOW, "on: push\n")
    reason = f"refusing to allow a GitHub App to create or update workflow `{WORKFLOW}` without `workflows` permission"
    assert f"! [remote rejected] HEAD -> fix ({reason})" in said
    assert "fix" not in github.branches()


async def test_an_app_with_that_permission_pushes_workflows(client: Client, github: DemoGitHub, git: Git) -> None:
    github.installation.permissions["workflows"] = "write"
    await git.branch("ci", await client.mint(), WORKFLOW, "on: push\n")
    assert github.file("ci", WORKFLOW) == "on: push\n"


@pytest.mark.parametrize(("status", "words"), [(503, "503"), (500, "500")])
async def test_failures_are_played_to_git(
    client: Client, github: DemoGitHub, git: Git, status: int, words: str
) -> None:
    github.fail("*", "git-receive-pack$", status=status)
    assert words in await _push(git, client.token)
    assert "fix" not in github.branches()


async def test_a_deleted_branch_closes_its_pull_request(client: Client, github: DemoGitHub, git: Git) -> None:
    await git.branch("fix", client.token)
    await client.call("POST", "/repos/acme/wordcount/pulls", {"title": "Fix", "head": "fix", "base": "main"})
    await git.run("push", "origin", ":fix", token=client.token, cwd=git.folder / "tree-fix")
    assert github.pull(1).state == "closed"
