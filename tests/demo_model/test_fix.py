"""What a person sees of ``fix()``: whichever tools a program has, the repository of the demo works afterwards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from swarmbot.demo.github import repository
from swarmbot.demo.model import DemoModel, call, fix, run, say, then, write_file
from swarmbot.demo.model.plays import REFUSED
from tests.demo_model.program import Program, schema
from tests.demo_model.programs import PROGRAMS, WITH_TOOLS, Messages, Responses, Scripts, Text

FORMS = pytest.mark.parametrize("form", [schema("input"), {}], ids=["a function", "free text"])
TASK = "Fix the crash on an empty file."


@pytest_asyncio.fixture
async def model() -> AsyncIterator[DemoModel]:
    async with DemoModel(fix()) as model:
        yield model


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in repository.FILES.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "tree"


def passes(tree: Path) -> bool:
    done = subprocess.run([sys.executable, "-B", "-m", "unittest"], cwd=tree, capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("streams", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize("kind", PROGRAMS, ids=lambda kind: kind.__name__)
async def test_fix_mends_the_repository(model: DemoModel, tree: Path, kind: type[Program], streams: bool) -> None:
    assert not passes(tree)
    program = kind(model.url, tree, streams)
    said = await program.work(TASK)
    assert passes(tree)
    changed = repository.FILES["wordcount/stats.py"].replace(
        "    return round(", "    if not found:\n        return 0.0\n    return round("
    )
    assert (tree / "wordcount/stats.py").read_text() == changed
    assert "an empty file no longer ends in a traceback" in said
    assert ("The tests pass." in said) == (kind in WITH_TOOLS)


@pytest.mark.parametrize("streams", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize("kind", PROGRAMS, ids=lambda kind: kind.__name__)
async def test_what_the_programs_count_is_what_the_model_told(
    model: DemoModel, tree: Path, kind: type[Program], streams: bool
) -> None:
    program = kind(model.url, tree, streams)
    await program.work(TASK)
    told = model.usage
    assert program.usage == (told.input, told.cached, told.output)
    assert told.input > told.cached >= 0 < told.output
    assert (told.cached > 0) == (kind in WITH_TOOLS)


async def test_claude_reads_before_it_edits_and_gets_a_path_from_the_root(model: DemoModel, tree: Path) -> None:
    program = Messages(model.url, tree)
    await program.work(TASK)
    assert program.called == ["Read", "Edit", "Bash"]
    calls = [block for entry in program.entries for block in entry["content"] if block["type"] == "tool_use"]
    assert [call["input"].get("file_path") for call in calls[:2]] == [f"{tree}/wordcount/stats.py"] * 2


async def test_a_tool_inside_scripts_is_called_from_one(model: DemoModel, tree: Path) -> None:
    program = Scripts(model.url, tree)
    await program.work(TASK)
    assert program.called == ["exec", "exec"]
    model.play = then(call("exec_command", cmd="touch here"), say("Done."))
    assert await program.work("Once more.") == "Done."
    assert (tree / "here").exists()


@FORMS
async def test_a_patch_tool_is_used_where_it_is_offered(model: DemoModel, tree: Path, form: dict[str, object]) -> None:
    program = Responses(model.url, tree, tools={"shell_command": schema("command"), "apply_patch": form})
    await program.work(TASK)
    assert program.called == ["apply_patch", "shell_command"]
    assert passes(tree)


async def test_a_shell_that_takes_a_list_gets_one(model: DemoModel, tree: Path) -> None:
    listed = {"type": "object", "properties": {"command": {"type": "array", "items": {"type": "string"}}}}
    program = Responses(model.url, tree, tools={"shell": listed})
    await program.work(TASK)
    assert program.called == ["shell", "shell"]
    assert passes(tree)


@pytest.mark.parametrize("kind", WITH_TOOLS, ids=lambda kind: kind.__name__)
async def test_a_refused_call_ends_the_turn(model: DemoModel, tree: Path, kind: type[Program]) -> None:
    program = kind(model.url, tree, refuses="The user doesn't want to proceed with this tool use.")
    assert await program.work(TASK) == REFUSED
    assert len(program.called) == 1
    assert not passes(tree)


async def test_tests_that_fail_are_not_said_to_pass(model: DemoModel, tree: Path) -> None:
    (tree / "tests/test_more.py").write_text("import nowhere\n")
    said = await Messages(model.url, tree).work(TASK)
    assert "did not see the tests pass" in said
    assert "nowhere" in said


async def test_a_file_that_aider_does_not_show_is_asked_for_first(model: DemoModel, tree: Path) -> None:
    program = Text(model.url, tree)
    await program.work(TASK)
    assert program.said[0].endswith("\nI have to change wordcount/stats.py. Please add it to the chat.")
    assert "<<<<<<< SEARCH\n" in program.said[1]
    assert len(program.said) == 2


@pytest.mark.parametrize("kind", PROGRAMS, ids=lambda kind: kind.__name__)
async def test_a_file_is_written_whatever_the_tools(model: DemoModel, tmp_path: Path, kind: type[Program]) -> None:
    model.play = then(write_file("HELLO.md", "héllo `there`\n"), say("Written."))
    said = await kind(model.url, tmp_path).work("Write a file.")
    assert (tmp_path / "HELLO.md").read_text() == "héllo `there`\n"
    assert said.endswith("Written.")


@pytest.mark.parametrize("kind", WITH_TOOLS, ids=lambda kind: kind.__name__)
async def test_a_second_task_begins_the_play_again(model: DemoModel, tmp_path: Path, kind: type[Program]) -> None:
    model.play = then(run("echo one >> told"), run("echo two >> told"), say("Told."))
    program = kind(model.url, tmp_path)
    assert await program.work("Tell.") == "Told."
    assert await program.work("Tell again.") == "Told."
    assert (tmp_path / "told").read_text() == "one\ntwo\none\ntwo\n"
    assert [asked.conversation.task for asked in model.turns if asked.conversation][-1] == "Tell again."


async def test_a_command_for_aider_stands_in_a_block_that_it_offers_to_run(model: DemoModel, tmp_path: Path) -> None:
    model.play = then(run("make"), say("Run it."))
    assert "```bash\nmake\n```" in await Text(model.url, tmp_path).work("Build.")
