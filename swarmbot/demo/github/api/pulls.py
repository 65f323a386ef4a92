"""Pull requests."""

from __future__ import annotations

from swarmbot.demo.github import git_objects
from swarmbot.demo.github.api.routing import PAGING, Answer, Ask, Routes, limit_characters
from swarmbot.demo.github.bodies import NewPull, PullPatch, Reviewers, given
from swarmbot.demo.github.errors import ApiError, validation_failed
from swarmbot.demo.github.state import Pull, Repository

routes = Routes()

_PULLS = "/repos/{owner}/{repo}/pulls"
_PULL = f"{_PULLS}/{{number:int}}"
_FILTERS = (*PAGING, "state", "head", "base", "sort", "direction")


@routes.add("GET", _PULLS, query=_FILTERS)
def list_pulls(ask: Ask) -> Answer:
    """Pull requests, newest first; open ones unless ``state`` says otherwise, of one ``head`` (``owner:branch``)."""
    repository = ask.repository("pull_requests:read")
    state, head, base = ask.query.get("state", "open"), ask.query.get("head"), ask.query.get("base")
    if head is not None and ":" not in head:
        # GitHub leaves such a filter out without a word, and answers all of them.
        ask.actions.ledger.complain(f"GET {ask.url}: head={head} has no owner, so it filters nothing")
        head = None
    found = [
        pull
        for pull in repository.pulls()
        if state in ("all", pull.state)
        and head in (None, f"{repository.owner.login}:{pull.head_ref}")
        and base in (None, pull.base_ref)
    ]
    newest_first = ask.query.get("direction", "desc") == "desc"
    return ask.page(found[::-1] if newest_first else found, ask.actions.shapes.pull)


@routes.add("POST", _PULLS)
def create_pull(ask: Ask) -> Answer:
    """A new pull request between two branches of the repository."""
    repository = ask.repository("pull_requests:write")
    asked = ask.read(NewPull)
    title, body = given(asked.title, ""), given(asked.body, None)
    if not title.strip():
        raise validation_failed("PullRequest", "title", "missing_field")
    limit_characters("PullRequest", body)
    head_ref, head_sha, base_sha = _ends(repository, asked)
    now = ask.actions.world.now()
    pull = Pull(
        id=ask.actions.world.next_id(),
        repository=repository,
        number=repository.next_number(),
        title=title,
        body=body,
        author=ask.actor,
        created_at=now,
        updated_at=now,
        head_ref=head_ref,
        head_sha=head_sha,
        base_ref=asked.base,
        base_sha=base_sha,
        draft=given(asked.draft, False),
        maintainer_can_modify=given(asked.maintainer_can_modify, False),
    )
    ask.actions.open_pull(pull)
    return Answer(body=ask.actions.shapes.pull(pull), status=201)


def _ends(repository: Repository, asked: NewPull) -> tuple[str, str, str]:
    """Return the head's branch and commit, and the base's commit; raises 422 where there is nothing to pull."""
    owner, _, branch = asked.head.rpartition(":")
    head = git_objects.branch_head(repository.git, branch)
    if head is None or owner not in ("", repository.owner.login):
        raise validation_failed("PullRequest", "head", "invalid")
    base = git_objects.branch_head(repository.git, asked.base)
    if base is None:
        raise validation_failed("PullRequest", "base", "invalid")
    for pull in repository.pulls():
        if pull.state == "open" and (pull.head_ref, pull.base_ref) == (branch, asked.base):
            message = f"A pull request already exists for {repository.owner.login}:{branch}."
            raise validation_failed("PullRequest", None, "custom", message, odd=False)
    if not git_objects.changes(repository.git, base, head).commits:
        message = f"No commits between {asked.base} and {branch}"
        raise validation_failed("PullRequest", None, "custom", message)
    return branch, head, base


@routes.add("GET", _PULL)
def get_pull(ask: Ask) -> Answer:
    """One pull request."""
    return Answer(body=ask.actions.shapes.pull(ask.pull("read")))


@routes.add("PATCH", _PULL)
def edit_pull(ask: Ask) -> Answer:
    """A pull request with another title, text, state or base."""
    pull = ask.pull("write")
    patch = ask.read(PullPatch)
    body = given(patch.body, None)
    limit_characters("PullRequest", body)
    base_ref = given(patch.base, pull.base_ref)
    base_sha = git_objects.branch_head(pull.repository.git, base_ref)
    if base_sha is None:
        raise validation_failed("PullRequest", "base", "invalid")
    pull.base_ref, pull.base_sha = base_ref, base_sha
    title, state = given(patch.title, None), given(patch.state, None)
    ask.actions.edit_issue(pull, ask.actor, title=title, body=body, state=state)
    return Answer(body=ask.actions.shapes.pull(pull))


@routes.add("POST", f"{_PULL}/requested_reviewers")
def request_reviewers(ask: Ask) -> Answer:
    """People asked for a review. Raises 422 for whoever is no collaborator, and for the author."""
    pull = ask.pull("write")
    users = []
    for login in given(ask.read(Reviewers).reviewers, []):
        user = ask.actions.world.user(login)
        if user is None or not pull.repository.may(login, "read"):
            message = "Reviews may only be requested from collaborators. One or more of the users or teams you"
            raise ApiError(422, f"{message} specified is not a collaborator of the repository.")
        if user is pull.author:
            raise ApiError(422, "Review cannot be requested from pull request author.")
        users.append(user)
    ask.actions.request_reviewers(pull, ask.actor, users)
    return Answer(body=ask.actions.shapes.pull(pull), status=201)
