"""Repositories: what they are, who may do what in them, their branches."""

from __future__ import annotations

from swarmbot.demo.github import git_objects
from swarmbot.demo.github.api.routing import Answer, Ask, Routes
from swarmbot.demo.github.errors import ApiError, not_found
from swarmbot.demo.github.shapes import LEGACY_ROLES, Json, node_id
from swarmbot.demo.github.state import Repository

routes = Routes()


@routes.add("GET", "/repos/{owner}/{repo}")
def get_repository(ask: Ask) -> Answer:
    """A repository, with what the token may do in it."""
    repository = ask.repository()
    contents = ask.holder().permissions.get("contents", "none")
    may = {"admin": False, "maintain": False, "push": contents == "write", "triage": False}
    permissions = {**may, "pull": contents != "none"}
    return Answer(body={**ask.actions.shapes.repository(repository), "permissions": permissions})


@routes.add("GET", "/repos/{owner}/{repo}/collaborators/{login}/permission")
def get_permission(ask: Ask) -> Answer:
    """What a user may do: the role, and in ``permission`` the older name for it (triage reads, maintain writes)."""
    repository = ask.repository()
    user = ask.user(ask.params["login"])
    role = repository.role(user.login)
    shaped = {**ask.actions.shapes.user(user), "role_name": role}
    return Answer(body={"permission": LEGACY_ROLES[role], "role_name": role, "user": shaped})


@routes.add("GET", "/repos/{owner}/{repo}/git/ref/heads/{branch:path}")
def get_ref(ask: Ask) -> Answer:
    """The commit at the tip of a branch, as a git reference."""
    repository = ask.repository("contents:read")
    ref = f"refs/heads/{ask.params['branch']}"
    sha = _head(repository, ask.params["branch"])
    url = ask.actions.shapes.repository_url(repository)
    pointed = {"type": "commit", "sha": sha, "url": f"{url}/git/commits/{sha}"}
    node = node_id("REF", repository.id)
    return Answer(body={"ref": ref, "node_id": node, "url": f"{url}/git/{ref}", "object": pointed})


@routes.add("GET", "/repos/{owner}/{repo}/branches/{branch:path}")
def get_branch(ask: Ask) -> Answer:
    """A branch with its newest commit."""
    repository = ask.repository("contents:read")
    branch = ask.params["branch"]
    sha = _head(repository, branch)
    url = ask.actions.shapes.repository_url(repository)
    page = f"{ask.actions.shapes.web_url}/{repository.full_name}/tree/{branch}"
    body = {
        "name": branch,
        "commit": _commit(repository, sha, url),
        "_links": {"self": f"{url}/branches/{branch}", "html": page},
        "protected": False,
        "protection": {
            "enabled": False,
            "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
        },
        "protection_url": f"{url}/branches/{branch}/protection",
    }
    return Answer(body=body)


def _head(repository: Repository, branch: str) -> str:
    sha = git_objects.branch_head(repository.git, branch)
    if sha is None:
        raise not_found()
    return sha


def _commit(repository: Repository, sha: str, url: str) -> Json:
    facts = git_objects.commit_facts(repository.git, sha)
    who = {"name": facts["author"], "email": facts["email"], "date": facts["date"]}
    return {
        "sha": sha,
        "node_id": node_id("C", repository.id),
        "url": f"{url}/commits/{sha}",
        "html_url": f"{url}/commit/{sha}",
        "comments_url": f"{url}/commits/{sha}/comments",
        "commit": {
            "url": f"{url}/git/commits/{sha}",
            "author": who,
            "committer": who,
            "message": facts["message"].rstrip("\n"),
            "comment_count": 0,
            "tree": {"sha": facts["tree"], "url": f"{url}/git/trees/{facts['tree']}"},
        },
        "author": None,
        "committer": None,
        "parents": [
            {"sha": parent, "url": f"{url}/commits/{parent}", "html_url": f"{url}/commit/{parent}"}
            for parent in facts["parents"].split()
        ],
    }


def existing_commit(repository: Repository, sha: str) -> str:
    """Return ``sha`` when it is a full commit id in the repository; raises 422 as GitHub does."""
    if len(sha) != 40 or git_objects.commit_of(repository.git, sha) != sha:
        raise ApiError(422, f"No commit found for SHA: {sha}")
    return sha
