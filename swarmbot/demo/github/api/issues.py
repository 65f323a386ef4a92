"""Issues, comments, labels and reactions; issues and comments of pull requests as well."""

from __future__ import annotations

from swarmbot.demo.github import bodies
from swarmbot.demo.github.api.routing import PAGING, Answer, Ask, Routes, limit_characters
from swarmbot.demo.github.bodies import CommentText, IssuePatch, NewLabels, NewReaction, given
from swarmbot.demo.github.errors import ApiError, invalid_request, not_found, validation_failed
from swarmbot.demo.github.shapes import stamp
from swarmbot.demo.github.state import Comment, Issue, Reaction

routes = Routes()

_REPO = "/repos/{owner}/{repo}"
_ISSUE = f"{_REPO}/issues/{{number:int}}"
_COMMENT = f"{_REPO}/issues/comments/{{comment:int}}"
_LABEL_CHARACTERS = 50


@routes.add("GET", _ISSUE)
def get_issue(ask: Ask) -> Answer:
    """An issue, or a pull request as an issue."""
    return Answer(body=ask.actions.shapes.issue(ask.thread("read")))


@routes.add("PATCH", _ISSUE)
def edit_issue(ask: Ask) -> Answer:
    """A changed title, text, state, set of labels or of assignees."""
    issue = ask.thread("write")
    patch = ask.read(IssuePatch)
    title, body = given(patch.title, None), given(patch.body, None)
    if title == "":
        raise validation_failed("Issue", "title", "missing_field")
    limit_characters("Issue", body)
    assignees = given(patch.assignees, None)
    if assignees is not None:
        users = [ask.user(login) for login in assignees]
        # The bot user of an App cannot be assigned; GitHub leaves it out without a word.
        issue.assignees = [user for user in users if user.type == "User"]
    labels = given(patch.labels, None)
    if labels is not None:
        wanted = {name.lower() for name in labels}
        for label in [label for label in issue.labels if label.name.lower() not in wanted]:
            ask.actions.remove_label(issue, ask.actor, label)
        ask.actions.add_labels(issue, ask.actor, _label_names(labels))
    ask.actions.edit_issue(
        issue,
        ask.actor,
        title=None if title is None else str(title),
        body=body,
        state=given(patch.state, None),
        state_reason=given(patch.state_reason, None),
    )
    return Answer(body=ask.actions.shapes.issue(issue))


@routes.add("GET", f"{_ISSUE}/comments", query=(*PAGING, "since"))
def list_comments(ask: Ask) -> Answer:
    """The comments of a thread that were written or edited since a moment, oldest first."""
    since = ask.query.get("since", "")
    found = [comment for comment in ask.thread("read").comments if (stamp(comment.updated_at) or "") >= since]
    return ask.page(found, ask.actions.shapes.comment)


@routes.add("POST", f"{_ISSUE}/comments")
def create_comment(ask: Ask) -> Answer:
    """A new comment."""
    issue = ask.thread("write")
    comment = ask.actions.comment(issue, ask.actor, _comment_text(ask))
    return Answer(body=ask.actions.shapes.comment(comment), status=201)


def _comment_text(ask: Ask) -> str:
    text = ask.read(CommentText).body
    if not text.strip():
        raise validation_failed("IssueComment", "body", "missing_field")
    limit_characters("IssueComment", text)
    return text


@routes.add("GET", _COMMENT)
def get_comment(ask: Ask) -> Answer:
    """One comment."""
    return Answer(body=ask.actions.shapes.comment(ask.comment("read")))


@routes.add("PATCH", _COMMENT, kind="edit")
def edit_comment(ask: Ask) -> Answer:
    """A comment with another text."""
    comment = _own(ask, ask.comment("write"))
    ask.actions.edit_comment(comment, ask.actor, _comment_text(ask))
    return Answer(body=ask.actions.shapes.comment(comment))


@routes.add("DELETE", _COMMENT)
def delete_comment(ask: Ask) -> Answer:
    """A comment gone."""
    ask.actions.delete_comment(_own(ask, ask.comment("write")), ask.actor)
    return Answer(status=204)


def _own(ask: Ask, comment: Comment) -> Comment:
    # With issues: write an App may edit other people's words. GitHub allows it; a bot that does it is broken.
    if comment.author is not ask.actor:
        ask.actions.ledger.complain(f"{ask.method} of a comment by {comment.author.login}")
    return comment


@routes.add("GET", f"{_ISSUE}/labels", query=PAGING)
def list_labels(ask: Ask) -> Answer:
    """The labels of a thread."""
    return _labels(ask, ask.thread("read"))


@routes.add("POST", f"{_ISSUE}/labels")
def add_labels(ask: Ask) -> Answer:
    """Labels put on; the body is ``{"labels": […]}`` or the plain list. Answers all labels of the thread."""
    issue = ask.thread("write")
    sent = bodies.parse(ask.raw)
    wanted = ask.convert({"labels": sent} if isinstance(sent, list) else sent, NewLabels)
    ask.actions.add_labels(issue, ask.actor, _label_names(wanted.labels))
    return _labels(ask, issue)


@routes.add("DELETE", f"{_ISSUE}/labels/{{name}}")
def remove_label(ask: Ask) -> Answer:
    """A label taken off. Answers those that are left."""
    issue = ask.thread("write")
    for label in issue.labels:
        if label.name.lower() == ask.params["name"].lower():
            ask.actions.remove_label(issue, ask.actor, label)
            return _labels(ask, issue)
    raise ApiError(404, "Label does not exist", odd=False)


def _labels(ask: Ask, issue: Issue) -> Answer:
    return ask.page(issue.labels, lambda label: ask.actions.shapes.label(issue.repository, label))


def _label_names(names: list[str]) -> list[str]:
    for name in names:
        if not name.strip() or len(name) > _LABEL_CHARACTERS:
            raise validation_failed("Label", "name", "invalid")
    return names


def _react(ask: Ask, thing: Issue | Comment) -> Answer:
    content = ask.read(NewReaction).content
    reaction, new = ask.actions.react(thing, ask.actor, content)
    return Answer(body=ask.actions.shapes.reaction(reaction), status=201 if new else 200)


def _reactions(ask: Ask, thing: Issue | Comment) -> Answer:
    wanted = ask.query.get("content")
    found = [reaction for reaction in thing.reactions if wanted in (None, reaction.content)]
    return ask.page(found, ask.actions.shapes.reaction)


def _unreact(ask: Ask, thing: Issue | Comment) -> Answer:
    found: list[Reaction] = [r for r in thing.reactions if r.id == ask.number("reaction")]
    if not found:
        raise not_found()
    if found[0].user is not ask.actor:
        raise invalid_request("a reaction can be taken back by whoever made it only")
    ask.actions.unreact(found[0])
    return Answer(status=204)


@routes.add("POST", f"{_COMMENT}/reactions")
def react_to_comment(ask: Ask) -> Answer:
    """A reaction to a comment: 201, or 200 when it was there."""
    return _react(ask, ask.comment("write"))


@routes.add("GET", f"{_COMMENT}/reactions", query=(*PAGING, "content"))
def list_comment_reactions(ask: Ask) -> Answer:
    """The reactions to a comment."""
    return _reactions(ask, ask.comment("read"))


@routes.add("DELETE", f"{_COMMENT}/reactions/{{reaction:int}}")
def unreact_to_comment(ask: Ask) -> Answer:
    """A reaction to a comment taken back."""
    return _unreact(ask, ask.comment("write"))


@routes.add("POST", f"{_ISSUE}/reactions")
def react_to_issue(ask: Ask) -> Answer:
    """A reaction to an issue: 201, or 200 when it was there."""
    return _react(ask, ask.thread("write"))


@routes.add("GET", f"{_ISSUE}/reactions", query=(*PAGING, "content"))
def list_issue_reactions(ask: Ask) -> Answer:
    """The reactions to an issue."""
    return _reactions(ask, ask.thread("read"))


@routes.add("DELETE", f"{_ISSUE}/reactions/{{reaction:int}}")
def unreact_to_issue(ask: Ask) -> Answer:
    """A reaction to an issue taken back."""
    return _unreact(ask, ask.thread("write"))
