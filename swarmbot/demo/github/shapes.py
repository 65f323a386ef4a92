"""Turns what exists into JSON with GitHub's own fields, for answers of the API and for webhook payloads alike."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from swarmbot.demo.github.access import Token
from swarmbot.demo.github.address_fields import REPOSITORY_URLS, USER_URLS
from swarmbot.demo.github.state import (
    REACTIONS,
    ROLES,
    App,
    CheckRun,
    Comment,
    Installation,
    Issue,
    Label,
    Pull,
    Reaction,
    Repository,
    User,
)

Json = dict[str, Any]

LEGACY_ROLES = {**{role: role for role in ROLES}, "triage": "read", "maintain": "write"}
"""What ``permission`` says for a role; ``role_name`` says the role itself."""


def stamp(moment: datetime | None) -> str | None:
    """Write a moment as GitHub does: UTC, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def node_id(kind: str, number: int) -> str:
    """Return an opaque node id."""
    return f"{kind}_{base64.urlsafe_b64encode(number.to_bytes(6, 'big')).decode()}"


class Shapes:
    """Makes GitHub's JSON. The addresses are set when the server knows its port."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.web_url = ""
        self.api_url = ""

    def user(self, user: User) -> Json:
        """A simple user."""
        url = f"{self.api_url}/users/{user.login}"
        page = f"apps/{self._app.slug}" if user.type == "Bot" else user.login
        return {
            "login": user.login,
            "id": user.id,
            "node_id": node_id("U", user.id),
            "avatar_url": f"{self.web_url}/avatars/u/{user.id}",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.web_url}/{page}",
            **{key: url + path for key, path in USER_URLS.items()},
            "type": user.type,
            "user_view_type": "public",
            "site_admin": False,
        }

    def app(self) -> Json:
        """The App."""
        app = self._app
        return {
            "id": app.id,
            "slug": app.slug,
            "client_id": f"Iv23demo{app.id}",
            "node_id": node_id("A", app.id),
            "owner": self.user(app.owner),
            "name": app.slug,
            "description": "",
            "external_url": f"{self.web_url}/apps/{app.slug}",
            "html_url": f"{self.web_url}/apps/{app.slug}",
            "created_at": stamp(app.created_at),
            "updated_at": stamp(app.created_at),
            "permissions": app.permissions,
            "events": sorted(app.events),
        }

    def installation(self, installation: Installation) -> Json:
        """An installation of the App."""
        url = f"{self.api_url}/app/installations/{installation.id}"
        return {
            "id": installation.id,
            "account": self.user(installation.account),
            "repository_selection": "selected",
            "access_tokens_url": f"{url}/access_tokens",
            "repositories_url": f"{self.api_url}/installation/repositories",
            "html_url": f"{self.web_url}/settings/installations/{installation.id}",
            "app_id": self._app.id,
            "app_slug": self._app.slug,
            "target_id": installation.account.id,
            "target_type": installation.account.type,
            "permissions": installation.permissions,
            "events": sorted(installation.events),
            "created_at": stamp(installation.created_at),
            "updated_at": stamp(installation.created_at),
            "single_file_name": None,
            "suspended_by": None,
            "suspended_at": None,
        }

    def token(self, token: Token) -> Json:
        """A new installation token."""
        shaped: Json = {
            "token": token.text,
            "expires_at": stamp(token.expires_at),
            "permissions": token.permissions,
            "repository_selection": "selected",
        }
        if token.selected:
            shaped["repositories"] = [self.repository(repository) for repository in token.repositories]
        return shaped

    def repository(self, repository: Repository) -> Json:
        """A repository in full."""
        url = self.repository_url(repository)
        page = f"{self.web_url}/{repository.full_name}"
        threads = sum(thread.state == "open" for thread in repository.threads.values())
        return {
            "id": repository.id,
            "node_id": node_id("R", repository.id),
            "name": repository.name,
            "full_name": repository.full_name,
            "private": repository.private,
            "owner": self.user(repository.owner),
            "html_url": page,
            "description": None,
            "fork": False,
            "url": url,
            **{key: url + path for key, path in REPOSITORY_URLS.items()},
            "git_url": f"{page}.git",
            "ssh_url": f"{page}.git",
            "clone_url": f"{page}.git",
            "svn_url": page,
            "mirror_url": None,
            "homepage": None,
            "language": "Python",
            "license": None,
            "default_branch": repository.default_branch,
            "visibility": "private" if repository.private else "public",
            "open_issues": threads,
            "open_issues_count": threads,
            **dict.fromkeys(("has_wiki", "has_pages", "has_discussions", "archived", "disabled"), False),
            **dict.fromkeys(("has_issues", "has_projects", "allow_forking"), True),
            **dict.fromkeys(("forks", "forks_count", "stargazers_count", "watchers", "watchers_count"), 0),
            **dict.fromkeys(("size", "subscribers_count", "network_count"), 0),
            "topics": [],
            "created_at": stamp(repository.created_at),
            "updated_at": stamp(repository.created_at),
            "pushed_at": stamp(repository.created_at),
        }

    def repository_url(self, repository: Repository) -> str:
        """The address of a repository in the API."""
        return f"{self.api_url}/repos/{repository.full_name}"

    def label(self, repository: Repository, label: Label) -> Json:
        """A label."""
        return {
            "id": label.id,
            "node_id": node_id("LA", label.id),
            "url": f"{self.repository_url(repository)}/labels/{label.name}",
            "name": label.name,
            "color": label.color,
            "default": False,
            "description": label.description,
            "archived_at": None,
            "archived_by": None,
        }

    def _association(self, repository: Repository, user: User) -> str:
        if user is repository.owner:
            return "OWNER"
        return "COLLABORATOR" if repository.may(user.login, "triage") else "NONE"

    def _rollup(self, reactions: list[Reaction], url: str) -> Json:
        counts = {content: sum(r.content == content for r in reactions) for content in REACTIONS}
        return {"url": f"{url}/reactions", "total_count": len(reactions), **counts}

    def _by_app(self, user: User) -> Json | None:
        return self.app() if user is self._app.bot else None

    def _thread(self, issue: Issue) -> Json:
        """What an issue and a pull request have in common."""
        return {
            "number": issue.number,
            "state": issue.state,
            "locked": False,
            "title": issue.title,
            "user": self.user(issue.author),
            "body": issue.body,
            "labels": [self.label(issue.repository, label) for label in issue.labels],
            "assignee": self.user(issue.assignees[0]) if issue.assignees else None,
            "assignees": [self.user(user) for user in issue.assignees],
            "milestone": None,
            "active_lock_reason": None,
            "author_association": self._association(issue.repository, issue.author),
            "comments": len(issue.comments),
            "created_at": stamp(issue.created_at),
            "updated_at": stamp(issue.updated_at),
            "closed_at": stamp(issue.closed_at),
        }

    def issue(self, issue: Issue) -> Json:
        """An issue, or a pull request as an issue."""
        repository = self.repository_url(issue.repository)
        url = f"{repository}/issues/{issue.number}"
        kind = "pull" if isinstance(issue, Pull) else "issues"
        page = f"{self.web_url}/{issue.repository.full_name}/{kind}/{issue.number}"
        shaped = {
            "id": issue.id,
            "node_id": node_id("I", issue.id),
            "url": url,
            "repository_url": repository,
            "html_url": page,
            **{f"{name}_url": f"{url}/{name}" for name in ("comments", "events")},
            "labels_url": f"{url}/labels{{/name}}",
            "timeline_url": f"{url}/timeline",
            **self._thread(issue),
            "state_reason": issue.state_reason,
            "reactions": self._rollup(issue.reactions, url),
            "performed_via_github_app": self._by_app(issue.author),
        }
        if isinstance(issue, Pull):
            pull = {"url": f"{repository}/pulls/{issue.number}", "html_url": page, "merged_at": None}
            shaped |= {"draft": issue.draft, "pull_request": {**pull, **_diffs(page)}}
        return shaped

    def comment(self, comment: Comment) -> Json:
        """A comment in a thread."""
        repository, issue = comment.issue.repository, comment.issue
        url = f"{self.repository_url(repository)}/issues/comments/{comment.id}"
        kind = "pull" if isinstance(issue, Pull) else "issues"
        page = f"{self.web_url}/{repository.full_name}/{kind}/{issue.number}"
        return {
            "id": comment.id,
            "node_id": node_id("IC", comment.id),
            "url": url,
            "html_url": f"{page}#issuecomment-{comment.id}",
            "issue_url": f"{self.repository_url(repository)}/issues/{issue.number}",
            "user": self.user(comment.author),
            "created_at": stamp(comment.created_at),
            "updated_at": stamp(comment.updated_at),
            "author_association": self._association(repository, comment.author),
            "body": comment.body,
            "reactions": self._rollup(comment.reactions, url),
            "performed_via_github_app": self._by_app(comment.author),
        }

    def reaction(self, reaction: Reaction) -> Json:
        """A reaction."""
        return {
            "id": reaction.id,
            "node_id": node_id("REA", reaction.id),
            "user": self.user(reaction.user),
            "content": reaction.content,
            "created_at": stamp(reaction.created_at),
        }

    def pull(self, pull: Pull) -> Json:
        """A pull request in full."""
        repository = self.repository_url(pull.repository)
        url = f"{repository}/pulls/{pull.number}"
        page = f"{self.web_url}/{pull.repository.full_name}/pull/{pull.number}"
        links = {
            "html": page,
            "issue": f"{repository}/issues/{pull.number}",
            "comments": f"{repository}/issues/{pull.number}/comments",
            "review_comments": f"{url}/comments",
            "review_comment": f"{repository}/pulls/comments{{/number}}",
            "commits": f"{url}/commits",
            "statuses": f"{repository}/statuses/{pull.head_sha}",
        }
        return {
            "id": pull.id,
            "node_id": node_id("PR", pull.id),
            "url": url,
            "html_url": page,
            **_diffs(page),
            **{f"{name}_url": link for name, link in links.items() if name != "html"},
            **self._thread(pull),
            "draft": pull.draft,
            "head": self._side(pull.repository, pull.head_ref, pull.head_sha),
            "base": self._side(pull.repository, pull.base_ref, pull.base_sha),
            "_links": {name: {"href": link} for name, link in {"self": url, **links}.items()},
            **dict.fromkeys(("auto_merge", "merged_at", "merged_by", "merge_commit_sha"), None),
            "merged": False,
            "mergeable": True,
            "rebaseable": True,
            "mergeable_state": "clean",
            "review_comments": 0,
            "maintainer_can_modify": pull.maintainer_can_modify,
            "requested_reviewers": [self.user(user) for user in pull.requested_reviewers],
            "requested_teams": [],
            "commits": pull.commits,
            "additions": pull.additions,
            "deletions": pull.deletions,
            "changed_files": pull.changed_files,
        }

    def _side(self, repository: Repository, ref: str, sha: str) -> Json:
        owner = repository.owner
        shaped = {"user": self.user(owner), "repo": self.repository(repository)}
        return {"label": f"{owner.login}:{ref}", "ref": ref, "sha": sha, **shaped}

    def check_run(self, run: CheckRun) -> Json:
        """A check run."""
        url = f"{self.repository_url(run.repository)}/check-runs/{run.id}"
        pulls = [pull for pull in run.repository.pulls() if pull.head_sha == run.head_sha]
        return {
            "id": run.id,
            "name": run.name,
            "node_id": node_id("CR", run.id),
            "head_sha": run.head_sha,
            "external_id": run.external_id,
            "url": url,
            "html_url": f"{self.web_url}/{run.repository.full_name}/runs/{run.id}",
            "details_url": run.details_url or self._app_page(),
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": stamp(run.started_at),
            "completed_at": stamp(run.completed_at),
            "output": {
                "title": run.title,
                "summary": run.summary,
                "text": run.text,
                "annotations_count": len(run.annotations),
                "annotations_url": f"{url}/annotations",
            },
            "check_suite": {"id": run.suite_id},
            "app": self.app(),
            "pull_requests": [self._minimal_pull(pull) for pull in pulls if pull.state == "open"],
        }

    def _app_page(self) -> str:
        return f"{self.web_url}/apps/{self._app.slug}"

    def _minimal_pull(self, pull: Pull) -> Json:
        url = self.repository_url(pull.repository)
        repo = {"id": pull.repository.id, "url": url, "name": pull.repository.name}
        return {
            "id": pull.id,
            "number": pull.number,
            "url": f"{url}/pulls/{pull.number}",
            "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": repo},
            "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": repo},
        }


def _diffs(page: str) -> Json:
    return {"diff_url": f"{page}.diff", "patch_url": f"{page}.patch"}
