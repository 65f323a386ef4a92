"""Each real program repairs the demo's repository, in both modes."""

from __future__ import annotations

from swarmbot.core.usage import Tokens
from swarmbot.demo.model import fix
from tests.real.stage import RealStage

TASK = "`wordcount` ends with a traceback when the file is empty. Repair it and run the tests."


async def test_it_repairs_the_repository_and_leaves(stage: RealStage) -> None:
    ran = await stage.run(fix(), TASK)
    assert (ran.outcome.kind, ran.outcome.cause) == ("done", ""), ran.events
    assert stage.tests_pass()
    assert ran.told.count("done") == 1
    assert [word for word in ran.told if word.startswith("question")] == []
    assert ran.tokens != Tokens()
