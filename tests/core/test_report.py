"""What people are told of a job: each ending in every place, in size, and with nobody's words doing anything."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace

from swarmbot.core import grammar, report
from swarmbot.core.model import Ending, Failure
from swarmbot.core.story import Committed, Job, PromptAnswered, PullOpened, State
from tests.samples import ISSUE, SPEC

SHA = "c" * 40
PULL = PullOpened(7, "https://example.org/7")
COMMIT = Committed(SHA, ("wordcount/count.py", "tests/test_count.py"), 3, 1)
DONE = Job(
    SPEC,
    state=State.ENDED,
    ended_at=1_125.0,
    attempt=1,
    base="b" * 40,
    answered=(PromptAnswered("trust-folder", ("enter",)), PromptAnswered("edit-file", ("down", "enter"))),
    agent_finished=True,
    summary="Count an empty file as zero words.",
    commit=COMMIT,
    pushed=SHA,
    pull=PULL,
    ending=Ending.DONE,
)
NO_CHANGE = replace(DONE, ending=Ending.NO_CHANGE, commit=None, pushed="", pull=None, summary="It is right already.")
FAILURE = Failure("agent_crashed", "The program ended with exit code 3.", "Write /agent fix again.", ("one", "two"))
FAILED = replace(NO_CHANGE, ending=Ending.FAILED, failure=FAILURE, summary="", agent_finished=False)
CANCELLED = replace(FAILED, ending=Ending.CANCELLED, failure=Failure("stopped", "Somebody stopped it."))
TIMED_OUT = replace(FAILED, ending=Ending.TIMED_OUT, failure=Failure("timed_out", "An hour was not enough."))
ENDED = {"done": DONE, "no change": NO_CHANGE, "failed": FAILED, "cancelled": CANCELLED, "timed out": TIMED_OUT}

HOSTILE = (
    "@acme/team look\n/agent fix\nCloses #1\n```\n@everyone\n/agent fix\n````\n<!-- swarmbot:job=x -->\n~~~\n# Big"
)
COMMENTS: dict[str, Callable[[Job], str]] = {
    "status": lambda job: report.status_comment(job, 1_060.0, "Claude Code"),
    "reply": lambda job: report.final_reply(job, "Claude Code"),
    "pull request": lambda job: report.pull_body(job, "Claude Code"),
    "check": lambda job: report.check_run(job, "Claude Code").summary,
}
places = pytest.mark.parametrize("tell", COMMENTS.values(), ids=COMMENTS.keys())
endings = pytest.mark.parametrize("job", ENDED.values(), ids=ENDED.keys())


def words(markdown: str) -> str:
    """What GitHub would act on: the text outside code and comments."""
    said = []
    for token in MarkdownIt("commonmark").parse(markdown):
        said += [child.content for child in token.children or [] if child.type == "text"]
    return "\n".join(said)


@pytest.mark.parametrize(
    ("job", "heading", "conclusion"),
    [
        (DONE, "### ✅ Pull request #7 is open", "success"),
        (NO_CHANGE, "### ⚪ Nothing was changed", "neutral"),
        (FAILED, "### ❌ Failed", "failure"),
        (CANCELLED, "### ⏹️ Stopped", "cancelled"),
        (TIMED_OUT, "### ⌛ Out of time", "timed_out"),
    ],
)
def test_the_ending_stands_in_status_and_check(job: Job, heading: str, conclusion: str) -> None:
    assert heading in COMMENTS["status"](job)
    assert report.check_run(job, "Claude Code").conclusion == conclusion


def test_every_ending_has_its_conclusion() -> None:
    assert report.CONCLUSIONS.keys() == set(Ending)
    assert {job.ending for job in ENDED.values()} == set(Ending)


@pytest.mark.parametrize("state", [state for state in State if state is not State.ENDED])
def test_a_job_under_way_has_a_status(state: State) -> None:
    body = COMMENTS["status"](replace(NO_CHANGE, state=state, ending=None, ended_at=None))
    assert "**Elapsed** 1 min 0 s" in body
    assert "**Agent** Claude Code" in body


def test_the_steps_show_how_far_it_came() -> None:
    assert COMMENTS["status"](DONE).count("- [x]") == 4
    assert COMMENTS["status"](FAILED).count("- [x]") == 1
    assert "2 of its prompts answered by rule" in COMMENTS["status"](DONE)
    assert f"**Branch** `{SPEC.branch}`" in COMMENTS["status"](DONE)
    assert "**Branch**" not in COMMENTS["status"](FAILED)


@endings
def test_comments_are_found_again_by_their_marker(job: Job) -> None:
    status, reply = COMMENTS["status"](job), COMMENTS["reply"](job)
    assert status.startswith(report.marker(SPEC.id))
    assert reply.startswith(report.marker(SPEC.id, "reply"))
    # One must never be taken for the other.
    assert report.marker(SPEC.id) not in reply
    assert report.marker(SPEC.id, "reply") not in status


@endings
@places
def test_only_the_final_reply_mentions_anybody(tell: Callable[[Job], str], job: Job) -> None:
    mentioned = re.findall(r"@[\w/-]+", words(tell(job)))
    assert mentioned == (["@maintainer"] if tell is COMMENTS["reply"] else [])


@endings
@places
def test_nothing_that_the_bot_says_is_a_command(tell: Callable[[Job], str], job: Job) -> None:
    assert grammar.find(tell(job), "swarmbot") == []


def test_the_reply_tells_what_happened_and_what_to_do() -> None:
    assert "#7 is open for your review: 2 files, +3 −1, made by Claude Code." in COMMENTS["reply"](DONE)
    assert "changed no file" in COMMENTS["reply"](NO_CHANGE)
    assert "It is right already." in COMMENTS["reply"](NO_CHANGE)
    assert "`agent_crashed`\n\n```text\nThe program ended with exit code 3.\n```" in COMMENTS["reply"](FAILED)
    assert "```text\none\ntwo\n```" in COMMENTS["reply"](FAILED)
    assert "**What to do:** Write /agent fix again." in COMMENTS["reply"](FAILED)


def test_the_pull_request_tells_what_was_done_how_and_what_was_not_verified() -> None:
    body = COMMENTS["pull request"](DONE)
    assert "\n\nCloses #3\n\n" in body
    assert "Count an empty file as zero words." in body
    assert "- `wordcount/count.py`" in body
    assert "ran no tests" in body
    assert "| Prompts answered by rule | trust-folder (enter), edit-file (down enter) |" in body
    assert f"| Job | `{SPEC.id}`, attempt 1 |" in body
    assert "| Asked by | maintainer, on #3 |" in body


@places
def test_everything_stays_within_githubs_limits(tell: Callable[[Job], str]) -> None:
    line = "漢字 " * 100 + "\n"
    huge = replace(
        DONE,
        summary=line * 400,
        commit=replace(COMMIT, files=tuple(f"folder/{'é' * 200}-{n}.py" for n in range(10_000))),
        failure=replace(FAILURE, lines=(line,) * 1000),
        spec=replace(SPEC, words=line * 100, thread=replace(ISSUE, title=line, body=line * 100)),
    )
    for job in (huge, replace(huge, ending=Ending.NO_CHANGE), replace(huge, ending=Ending.FAILED)):
        told = tell(job)
        assert len(told.encode()) <= 65_535
        assert report.marker(SPEC.id) in told or report.marker(SPEC.id, "reply") in told or tell is COMMENTS["check"]
        last = [token.type for token in MarkdownIt("commonmark").parse(told)][-1]
        assert last != "fence"


def test_a_summary_of_nothing_but_backticks_leaves_the_marker_in_place() -> None:
    for size in (3, 30_000, 70_000, 200_000):
        body = COMMENTS["pull request"](replace(DONE, summary="`" * size))
        assert body.startswith(report.marker(SPEC.id) + "\n\nCloses #3")
        assert len(body.encode()) <= 65_535


@places
def test_words_of_others_do_nothing(tell: Callable[[Job], str]) -> None:
    spec = replace(SPEC, words=HOSTILE, thread=replace(ISSUE, title=HOSTILE, body=HOSTILE))
    failure = Failure("x", "It failed.", lines=tuple(HOSTILE.splitlines()))
    files = ("a`b.py", "@acme/team", "a\nb.py", "Closes #1", "<b>", "a|b")
    hostile = replace(DONE, spec=spec, summary=HOSTILE, commit=replace(COMMIT, files=files), failure=failure)
    for ending in Ending:
        told = tell(replace(hostile, ending=ending))
        seen = words(told)
        assert "@acme" not in seen
        assert "@everyone" not in seen
        assert "Closes #1" not in seen
        assert grammar.find(told, "swarmbot") == []
        assert "heading_open" not in [t.type for t in MarkdownIt("commonmark").parse(told) if t.tag == "h1"]


@given(st.text(alphabet=st.sampled_from("`~@# \n|<>!-*/agentfix"), max_size=200))
def test_no_summary_leaves_its_fence(summary: str) -> None:
    quiet = COMMENTS["pull request"](replace(DONE, summary="quiet"))
    assert words(COMMENTS["pull request"](replace(DONE, summary=summary or "-"))) == words(quiet)


def test_a_word_in_a_table_cannot_end_its_cell() -> None:
    body = COMMENTS["pull request"](replace(DONE, spec=replace(SPEC, words="a | b | c")))
    [row] = [line for line in body.splitlines() if line.startswith("| Asked by")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 3


@pytest.mark.parametrize("title", ["Two\nlines", "a\r\nCo-authored-by: x <x@y>", "x" * 400, "\u2028b", "", "\x1b[31m"])
def test_the_title_is_one_line_of_some_seventy_characters(title: str) -> None:
    made = report.title(replace(SPEC, thread=replace(ISSUE, title=title)))
    assert len(made.splitlines()) == 1
    assert made.isprintable()
    assert len(made) <= 72


FORGED = "Co-authored-by: Eve <eve@example.org>"


@pytest.mark.parametrize("where", ["title", "words", "summary"])
@pytest.mark.parametrize(
    "text",
    [
        FORGED,
        f"x\n\n{FORGED}",
        f"x\n\n{FORGED}\n\n",
        f"x\r\n\r\n{FORGED}",
        f"x\u2028\u2028{FORGED}",
        f"x\n\nSigned-off-by: Eve <e@x>\n{FORGED}",
    ],
)
def test_only_the_requester_is_credited(where: str, text: str) -> None:
    spec = replace(SPEC, words=text) if where == "words" else SPEC
    spec = replace(spec, thread=replace(ISSUE, title=text)) if where == "title" else spec
    message = report.commit_message(spec, text if where == "summary" else "")
    assert message.split("\n\n")[-1] == f"Co-authored-by: maintainer <{SPEC.requester.noreply}>\n"
    assert re.findall(r"(?im)^(?:co-authored|signed-off)-by:.*", message) == [message.splitlines()[-1]]


def test_the_commit_message_says_what_and_why() -> None:
    message = report.commit_message(SPEC, "Count an empty file\n\n\nas zero words.")
    assert message.splitlines()[0] == "fix: Crash on empty file"
    assert "\n\nCount an empty file\nas zero words.\n\nCloses #3\n\n" in message


CLOSING = re.compile(r"(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+[\w./:-]*(?:#|/issues/|GH-)\d+")


@pytest.mark.parametrize(
    "words", ["Closes #1", "fixes acme/other#2", "Resolved: #9", "closes GH-4", "fix https://github.com/a/b/issues/1"]
)
def test_nobodys_words_close_another_issue(words: str) -> None:
    titled = replace(SPEC, thread=replace(ISSUE, title=words))
    assert CLOSING.findall(report.commit_message(titled, words)) == ["Closes #3"]


def test_a_title_that_begins_with_a_number_closes_nothing() -> None:
    # "fix: #12" would be a closing word with its number.
    assert CLOSING.findall(report.title(replace(SPEC, thread=replace(ISSUE, title="#12 is back")))) == []


def test_nobody_is_mentioned_in_a_commit() -> None:
    titled = replace(SPEC, thread=replace(ISSUE, title="Ask @acme/team"))
    assert not re.search(r"@acme", report.commit_message(titled, "Thanks to @acme/team."))


def test_the_check_run_is_on_what_was_pushed() -> None:
    check = report.check_run(DONE, "Claude Code")
    assert (check.head_sha, check.title) == (SHA, "Claude Code: 2 files, +3 −1")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0 s"), (0, "0 s"), (8.4, "8 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (3_900, "1 h 5 min")],
)
def test_durations(seconds: float, said: str) -> None:
    assert report.elapsed(seconds) == said
