"""The long matrix: what goes right and wrong with each real program, in both modes, at two releases."""

from __future__ import annotations

import pytest

from swarmbot.agents.drive import RunningAgent
from swarmbot.core.session_model import Event, Limits
from swarmbot.core.usage import Tokens
from swarmbot.demo.github.git_objects import git
from swarmbot.demo.model import Play, fails, fix, hangs, run, say, then
from swarmbot.demo.model.trouble import Kind
from tests.real.stage import RealStage
from tests.real.test_edit import TASK

pytestmark = [pytest.mark.full, pytest.mark.timeout(240)]

COMMAND = "python3 -c \"open('NOTES.md', 'a').write('by-the-agent\\\\n')\""
"""Not one of those that programs run unasked where edits are free."""
NOTED = "by-the-agent\n"
LONG = "Reply with one word. This is the text:\n\n" + "\n".join(
    f"{n}. “Größe” 漢字 🙂 — `code {n}`\n```python\nprint({n})  # a block\n```" for n in range(290)
)
ADDRESSES = ("ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_BASE")
PATIENT = Limits(silence_s=60, total_s=90, waiting_s=60)
PERMITS = {"claude", "codex", "gemini", "pi"}
"""Programs whose question before a command a rule may answer; Aider's always goes to people."""


def command(stage: RealStage) -> Play:
    """The model calls its shell tool; Codex runs in its sandbox unasked, and asks to leave it."""
    leave = {"sandbox_permissions": "require_escalated", "justification": "to note it"}
    return then(run(COMMAND, **(leave if stage.name == "codex" else {})), say("Noted."))


async def test_edit(any_release: RealStage) -> None:
    ran = await any_release.run(fix(), TASK)
    assert (ran.outcome.kind, ran.outcome.cause) == ("done", "")
    assert any_release.tests_pass()
    assert ran.tokens != Tokens()


async def test_a_command_with_permission(any_release: RealStage) -> None:
    ran = await any_release.run(command(any_release), "Note it.", autonomy="edits")
    asked = [word for word in ran.told if word.startswith(("prompt", "question"))]
    noted = any_release.file("NOTES.md")
    if any_release.name == "aider":
        assert (ran.outcome.kind, asked, noted) == ("asked", ["question"], "")
        return
    if any_release.mode == "interactive" and any_release.name in PERMITS:
        assert (asked, noted) == (["prompt run-command"], NOTED)
    else:
        assert (asked, noted) == ([], "")
    assert ran.outcome.kind == "done"


async def test_a_permission_is_refused(any_release: RealStage) -> None:
    def refuse(agent: RunningAgent, event: Event) -> None:
        option = next((n for n, text in enumerate(event.options) if text.startswith("No")), None)
        if option is None:
            agent.press(("n", "enter"))
        else:
            agent.act(lambda at: agent.session.choose(option, at))

    play = command(any_release)
    ran = await any_release.run(play, "Note it.", autonomy="ask", limits=PATIENT, on_question=refuse)
    questions = [word for word in ran.told if word.startswith("question")]
    asks = any_release.name == "aider" or (any_release.mode == "interactive" and any_release.name in PERMITS)
    assert len(questions) == asks
    assert any_release.file("NOTES.md") == ""
    assert ran.outcome.kind == "done"


@pytest.mark.parametrize(
    "kind", ["model_error", "key_refused", "no_credit", "rate_limited", "model_unknown", "context_full"]
)
async def test_an_error_of_the_model_has_its_name(any_release: RealStage, kind: Kind) -> None:
    # Gemini tries a model that it chose itself ten times, and one that was named three times.
    model = "gemini-2.5-flash" if any_release.name == "gemini" else ""
    ran = await any_release.run(fails(kind), TASK, model=model)
    assert ran.outcome.kind == kind
    assert ran.outcome.cause
    assert "done" not in ran.told


async def test_a_model_that_hangs_is_out_of_time(any_release: RealStage) -> None:
    ran = await any_release.run(hangs(), TASK, limits=Limits(silence_s=15, total_s=25))
    assert ran.outcome.kind in ("silent", "timed_out")
    assert "done" not in ran.told


async def test_no_network_is_said(any_release: RealStage) -> None:
    any_release.operator = dict.fromkeys(ADDRESSES, "http://127.0.0.1:9")
    ran = await any_release.run(fix(), TASK)
    assert ran.outcome.kind == "unreachable"


async def test_a_long_task_arrives_as_it_is(any_release: RealStage) -> None:
    assert len(LONG.encode()) > 20_000
    ran = await any_release.run(say("Read."), LONG)
    assert ran.outcome.kind == "done"
    assert LONG in ran.model.turns[0].text


async def test_a_follow_up_knows_what_was_said(any_release: RealStage) -> None:
    await any_release.run(say("The word is quince."), "Say a word.")
    ran = await any_release.run(say("I said quince."), "Which word was it?", resume=True)
    assert ran.outcome.kind == "done"
    assert "The word is quince." in ran.model.turns[-1].text


async def test_no_change_is_no_change(any_release: RealStage) -> None:
    ran = await any_release.run(say("There is nothing to do."), TASK)
    assert ran.outcome.kind == "done"
    assert git("-C", str(any_release.tree), "status", "--porcelain") == ""
