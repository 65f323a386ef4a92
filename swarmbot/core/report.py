"""Tells a job to people: status comment, final reply, pull request, check run, commit message. Pure.

Nothing else writes prose about a job. All of it is made from the job alone, so that two tellings never disagree.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from swarmbot.core.markdown import code, cut_bytes, defused, fenced, one_line
from swarmbot.core.model import Ending, Failure, JobSpec
from swarmbot.core.story import Job, State
from swarmbot.core.usage import Tokens

MOST_COMMENT = 65_000
"""Bytes; GitHub takes 65,536 characters in a comment and 65,535 bytes in a check run's text."""
LAST_LINES = 20
LISTED_FILES = 30

Conclusion = Literal["success", "neutral", "failure", "cancelled", "timed_out"]
CONCLUSIONS: dict[Ending, Conclusion] = {
    Ending.DONE: "success",
    Ending.NO_CHANGE: "neutral",
    Ending.FAILED: "failure",
    Ending.CANCELLED: "cancelled",
    Ending.TIMED_OUT: "timed_out",
}

_NOT_VERIFIED = "Not verified by swarmbot: it ran no tests of its own. Read the change as you would anybody's."


class CheckRun(msgspec.Struct, frozen=True):
    """A completed check run, as GitHub's API takes it."""

    head_sha: str
    conclusion: Conclusion
    title: str
    summary: str


def marker(job_id: str, what: str = "") -> str:
    """Return the invisible line by which a comment of the bot is found again."""
    return f"<!-- swarmbot:job={job_id}{' ' + what if what else ''} -->"


def status_comment(job: Job, now: float, agent_title: str) -> str:
    """Return the one status comment of a job, as it stands at ``now`` (unix seconds)."""
    spec = job.spec
    facts = [f"**Agent** {agent_title}", f"**Elapsed** {elapsed((job.ended_at or now) - spec.created_at)}"]
    if job.used != Tokens():
        facts.append(f"**Used** {tokens(job.used)}")
    if job.pushed:
        facts.append(f"**Branch** `{spec.branch}`")
    facts.append(f"**Asked by** {spec.requester.login}")
    parts = [marker(spec.id), f"### {_heading(job)}", _steps(job, agent_title), " · ".join(facts)]
    return cut_bytes("\n\n".join(parts), MOST_COMMENT)


def _heading(job: Job) -> str:
    if job.ending is None:
        return {
            State.QUEUED: "⏳ In the queue",
            State.PREPARING: "🔧 Preparing",
            State.RUNNING: "🤖 At work",
            State.PUBLISHING: "📤 Publishing",
        }.get(job.state, "At work")
    return {
        Ending.DONE: f"✅ Pull request #{job.pull.number} is open" if job.pull else "✅ Done",
        Ending.NO_CHANGE: "⚪ Nothing was changed",
        Ending.FAILED: "❌ Failed",
        Ending.CANCELLED: "⏹️ Stopped",
        Ending.TIMED_OUT: "⌛ Out of time",
    }[job.ending]


def _steps(job: Job, agent_title: str) -> str:
    answered = f", {len(job.answered)} of its prompts answered by rule" if job.answered else ""
    files = f" ({_size(job)})" if job.commit else ""
    steps = [
        (bool(job.base), "Checkout" + (f" of `{job.base[:10]}`" if job.base else "")),
        (job.agent_finished, f"{agent_title} works on it{answered}"),
        (bool(job.pushed), f"Commit and push{files}"),
        (job.pull is not None, f"Pull request #{job.pull.number}" if job.pull else "Pull request"),
    ]
    return "\n".join(f"- [{'x' if done else ' '}] {text}" for done, text in steps)


def final_reply(job: Job, agent_title: str) -> str:
    """Return the separate comment that tells the requester, by mention, how the job ended."""
    spec = job.spec
    head = f"{marker(spec.id, 'reply')}\n@{spec.requester.login} "
    if job.ending is Ending.DONE and job.pull:
        text = f"#{job.pull.number} is open for your review: {_size(job)}, made by {agent_title}."
    elif job.ending is Ending.NO_CHANGE:
        text = f"{agent_title} has finished and changed no file, so there is no pull request.\n\n"
        text += (fenced(job.summary) + "\n\n") if job.summary else ""
        text += "Say more about what should change, and start again:\n\n" + fenced("/agent fix <what to do>")
    else:
        text = _failure(job.failure or Failure("unknown", "The job ended without a reason."))
    return cut_bytes(head + text, MOST_COMMENT)


def _failure(failure: Failure) -> str:
    # The cause may hold words of the agent or of a remote: in a code block they stay words.
    text = f"This did not work: `{failure.kind}`\n\n{fenced(failure.cause)}"
    if failure.lines:
        shown = "\n".join(failure.lines[-LAST_LINES:])
        text += "\n\n<details><summary>The last lines on the agent's screen</summary>\n\n"
        text += f"{fenced(shown)}\n\n</details>"
    return f"{text}\n\n**What to do:** {failure.do}" if failure.do else text


def title(spec: JobSpec) -> str:
    """Return the title of the pull request, which is the commit's subject too."""
    return defused("fix: " + one_line(spec.thread.title, 67))


def commit_message(spec: JobSpec, summary: str) -> str:
    """Return the message of the bot's commit, with the requester as co-author."""
    paragraphs = [title(spec), f"Closes #{spec.thread.number}"]
    if summary:
        said = "\n".join(one_line(line, 100) for line in summary.splitlines() if line.strip())
        paragraphs.insert(1, defused(said))
    paragraphs.append(f"Co-authored-by: {spec.requester.login} <{spec.requester.noreply}>")
    return "\n\n".join(paragraphs) + "\n"


def pull_body(job: Job, agent_title: str) -> str:
    """Return the description of the pull request."""
    spec = job.spec
    done = (fenced(job.summary) + "\n\n") if job.summary else ""
    parts = [
        marker(spec.id),
        f"Closes #{spec.thread.number}",
        f"### What was done\n\n{done}{_files(job)}",
        f"### Verified\n\n{_NOT_VERIFIED}",
        "### Not right yet?\n\nWrite what is missing on the issue, and another attempt is made on a branch of its own:"
        f"\n\n{fenced('/agent fix <what to do differently>')}",
        _provenance(job, agent_title),
    ]
    return cut_bytes("\n\n".join(parts), MOST_COMMENT)


def _files(job: Job) -> str:
    if job.commit is None:
        return ""
    listed = [f"- {code(path)}" for path in job.commit.files[:LISTED_FILES]]
    if len(job.commit.files) > LISTED_FILES:
        listed.append(f"- and {len(job.commit.files) - LISTED_FILES} more")
    return f"Changed: {_size(job)}.\n\n" + "\n".join(listed)


def _size(job: Job) -> str:
    if job.commit is None:
        return "nothing"
    files = len(job.commit.files)
    return f"{files} file{'' if files == 1 else 's'}, +{job.commit.added} −{job.commit.deleted}"


def _provenance(job: Job, agent_title: str) -> str:
    spec = job.spec
    answers = ", ".join(f"{answer.rule} ({' '.join(answer.keys)})" for answer in job.answered) or "none"
    asked = f"{spec.requester.login}, on #{spec.thread.number}"
    rows = [
        ("Agent", _agent(job, agent_title)),
        ("Asked by", asked + (f": {code(spec.words)}" if spec.words else "")),
        *([("Used", tokens(job.used))] if job.used != Tokens() else []),
        ("Prompts answered by rule", answers),
        ("Base", f"`{job.base}`"),
        ("Job", f"`{spec.id}`, attempt {job.attempt}"),
    ]
    # A bar inside a cell would end it, in code too.
    lines = [f"| {name} | {value.replace('|', chr(92) + '|')} |" for name, value in rows]
    table = "\n".join([lines[0], "| --- | --- |", *lines[1:]])
    return f"<details><summary>How this was made</summary>\n\n{table}\n\n</details>"


def _agent(job: Job, agent_title: str) -> str:
    """Return the agent with its release, its model and how it was run."""
    parts = [f"{agent_title} {job.version}".strip(), job.spec.model and f"model {code(job.spec.model)}"]
    parts += [job.mode, f"autonomy: {job.autonomy}"]
    return ", ".join(part for part in parts if part)


def tokens(used: Tokens) -> str:
    """Return what a run used as people say it: ``12.3k tokens in (10.0k cached), 512 out, $0.04``."""
    if used == Tokens():
        return ""
    cached = f" ({_count(used.cached)} cached)" if used.cached else ""
    cost = "" if used.cost_usd is None else f", ${used.cost_usd:.2f}"
    return f"{_count(used.input)} tokens in{cached}, {_count(used.output)} out{cost}"


def _count(number: int) -> str:
    if number < 1000:
        return str(number)
    return f"{number / 1000:.1f}k" if number < 1_000_000 else f"{number / 1_000_000:.1f}M"


def check_run(job: Job, agent_title: str) -> CheckRun:
    """Return the completed check run on the pushed commit."""
    ending = job.ending or Ending.FAILED
    heading = f"{agent_title}: {_size(job)}" if ending is Ending.DONE else _heading(job)
    parts = [_steps(job, agent_title), _NOT_VERIFIED, _provenance(job, agent_title)]
    if job.failure:
        parts.insert(0, _failure(job.failure))
    return CheckRun(
        job.pushed, CONCLUSIONS[ending], one_line(heading, 200), cut_bytes("\n\n".join(parts), MOST_COMMENT)
    )


def elapsed(seconds: float) -> str:
    """Return a duration as people say it: ``8 s``, ``3 min 20 s``, ``1 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
