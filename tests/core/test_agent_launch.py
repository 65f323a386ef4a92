"""What is started for a job: argv, environment and files, made from the agent's file."""

from __future__ import annotations

import json
import shlex
import tomllib

import msgspec
import pytest

from swarmbot.core.agent_file import parse
from swarmbot.core.agent_launch import Launch, Place, Wish, launch
from swarmbot.core.agent_spec import AgentSpecError, Autonomy

AGENT = """
name = "a"
title = "A"
endpoint_variable = "A_URL"
pass_environment = ["A_EXTRA"]
[program]
command = "a"
[credential]
any_of = ["A_KEY", "A_TOKEN"]
[environment]
A_HOME = "{home}"
A_LITERAL = "{{braces}}"
[interactive]
argv = ["{program}", "{resume}", "{autonomy}", "{model}", "{endpoint}", "{memory}", "--notify", "{signal:done}"]
model = ["--model", "{model_name}"]
resume = ["--continue"]
endpoint = ["--url={env:A_URL}"]
memory = ["--read", "{memory_file}"]
autonomy = {ask = ["--ask"], edits = ["--edits", "some"], full = []}
[headless]
argv = ["{program}", "-p", "{task}", "{task_file}"]
task = "argument"
environment = {A_HOME = "other"}
[screen]
ready = '^>'
busy = 'busy'
[leave]
type = "/exit"
[[file]]
path = ".a/settings.json"
[file.json]
key = "{last20:A_KEY}"
hook = "{signal:done}"
argv = ["{signal:asks}", "x"]
[file.json.projects."{tree}"]
trusted = true
[[file]]
path = ".a/config.toml"
if_set = "A_URL"
[file.toml.projects."{tree}"]
url = "{env:A_URL}"
[[file]]
path = ".a/none"
unless_set = "A_URL"
text = "no address"
"""
OPERATOR = {"A_KEY": "k" * 30 + "0123456789", "PATH": "/operator", "HOME": "/root", "A_EXTRA": "more", "SECRET": "no"}
PLACE = Place(
    program="/bin/a",
    python="/bin/python",
    home="/job/home",
    tree='/job/a "tree"',
    tmp="/job/tmp",
    task_file="/job/task.md",
    operator=OPERATOR,
    path="/agents:/operator",
    signal=("/bin/python", "send it.py"),
    memory_files=("AGENTS.md",),
)


def made(wish: Wish | None = None, **operator: str) -> Launch:
    place = msgspec.structs.replace(PLACE, operator=OPERATOR | operator)
    return launch(parse(AGENT, source="a"), wish or Wish("do it"), place)


def test_lists_stand_where_they_are_named_and_only_where_they_apply() -> None:
    told = ("--notify", "/bin/python", "send it.py", "done")
    assert made().argv == ("/bin/a", "--edits", "some", "--read", "AGENTS.md", *told)
    full = made(Wish("do it", autonomy="full", model="m-1", resume=True), A_URL="http://x").argv
    assert full == ("/bin/a", "--continue", "--model", "m-1", "--url=http://x", "--read", "AGENTS.md", *told)


@pytest.mark.parametrize(("autonomy", "flags"), [("ask", ("--ask",)), ("edits", ("--edits", "some")), ("full", ())])
def test_autonomy_becomes_the_programs_flags(autonomy: Autonomy, flags: tuple[str, ...]) -> None:
    assert made(Wish("do it", autonomy=autonomy)).argv[1 : 1 + len(flags)] == flags


def test_a_task_is_one_argument_whatever_is_in_it() -> None:
    task = 'Fix {home}; "quotes" $(touch x)\n--flag'
    assert made(Wish(task, mode="headless")).argv == ("/bin/a", "-p", task, "/job/task.md")


def test_the_environment_holds_what_the_file_names_and_nothing_else() -> None:
    assert made().environment == {
        "LANG": "C.UTF-8",
        "PATH": "/agents:/operator",
        "HOME": "/job/home",
        "TMPDIR": "/job/tmp",
        "SWARMBOT_TASK_FILE": "/job/task.md",
        "A_KEY": OPERATOR["A_KEY"],
        "A_EXTRA": "more",
        "A_HOME": "/job/home",
        "A_LITERAL": "{braces}",
    }
    assert made(Wish("do it", mode="headless")).environment["A_HOME"] == "other"
    assert made(A_URL="http://x").environment["A_URL"] == "http://x"


def test_files_are_filled_in_and_escaped_as_their_format_needs() -> None:
    files = dict(made(A_URL="http://x").files)
    assert files.keys() == {".a/settings.json", ".a/config.toml"}
    settings = json.loads(files[".a/settings.json"])
    assert settings["key"] == "k" * 10 + "0123456789"
    assert settings["projects"] == {'/job/a "tree"': {"trusted": True}}
    assert shlex.split(settings["hook"]) == ["/bin/python", "send it.py", "done"]
    assert settings["argv"] == ["/bin/python", "send it.py", "asks", "x"]
    assert tomllib.loads(files[".a/config.toml"]) == {"projects": {'/job/a "tree"': {"url": "http://x"}}}
    assert dict(made().files)[".a/none"] == "no address"


def test_a_command_of_the_operator_is_taken_as_it_is_and_must_be_there() -> None:
    text = 'name = "s"\ntitle = "S"\n[headless]\nargv = ["sh", "-c", "{operator:SWARMBOT_S_COMMAND}"]\ntask = "file"'
    spec = parse(text, source="s")
    assert spec.operator_settings == ("SWARMBOT_S_COMMAND",)
    place = msgspec.structs.replace(PLACE, operator={"SWARMBOT_S_COMMAND": "run {python} '$x'"})
    assert launch(spec, Wish(""), place).argv == ("sh", "-c", "run {python} '$x'")
    for operator in ({}, {"SWARMBOT_S_COMMAND": ""}):
        with pytest.raises(AgentSpecError, match="SWARMBOT_S_COMMAND; set it"):
            launch(spec, Wish(""), msgspec.structs.replace(PLACE, operator=operator))


def test_a_mode_that_is_not_described_falls_back_to_the_one_that_is() -> None:
    text = 'name = "s"\ntitle = "S"\n[headless]\nargv = ["sh"]\ntask = "file"'
    assert launch(parse(text, source="s"), Wish("x", mode="interactive"), PLACE).argv == ("sh",)
