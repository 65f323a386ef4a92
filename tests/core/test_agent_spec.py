"""Agent files: what fits the vocabulary is read, what does not is refused with the file and the key named."""

from __future__ import annotations

import pytest

from swarmbot.core.agent_spec import AgentSpecError, parse

HEAD = 'name = "a"\ntitle = "A"\nargv = ["a"]\n'
FILE = HEAD + 'task = "file"\n'
TABLES = "[screen]\nready = '^>'\nbusy = 'busy'\n[leave]\ntype = '/exit'\n"


def rule(text: str) -> str:
    return FILE + f'[[rule]]\nname = "r"\n{text}\n'


def test_a_small_file_is_read_with_its_defaults() -> None:
    spec = parse(FILE, source="a.toml")
    assert (spec.name, spec.argv, spec.task, spec.rule, spec.environment) == ("a", ("a",), "file", (), {})
    assert spec.operator_settings == ()


def test_rules_are_read_in_their_order() -> None:
    one = "[[rule]]\nname = 'one'\nwhen = ['Trust\\?']\nchoose = '^Yes$'\n"
    two = "[[rule]]\nname = 'two'\nat_cursor = '> $'\nkeys = ['y', 'enter']\ntimes = 7\nbelow = 0\n"
    first, second = parse(HEAD + TABLES + one + two, source="a.toml").rule
    assert (first.name, first.choose, first.times) == ("one", "^Yes$", 1)
    assert (second.keys, second.times, second.below) == (("y", "enter"), 7, 0)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("name = ", "not TOML"),
        ('title = "A"\nargv = ["a"]', "`name`"),
        (FILE + 'colour = "red"', "`colour`"),
        (FILE + "[screen]\nready = 'x'\nbusy = 'y'\nblink = 'z'", "`blink` - at `$.screen`"),
        (rule("wenn = ['x']"), "`wenn` - at `$.rule[0]`"),
        (FILE + "environment = 'PATH'", "$.environment"),
        (FILE.replace('["a"]', '"a b"'), "$.argv"),
        (FILE.replace('["a"]', "[]"), "argv: must name a program"),
        (FILE.replace('"file"', '"pigeon"'), "$.task"),
        (FILE.replace('"a"\n', '"A b"\n', 1), "name: lower case"),
        (FILE.replace('"a"\n', '"-a"\n', 1), "name: lower case"),
        (FILE.replace('"a"\n', '"../a"\n', 1), "name: lower case"),
        (FILE.replace('["a"]', '["{home}"]'), "argv: unknown placeholder {home}"),
        (FILE.replace('["a"]', '["a", "{operator:HOME}"]'), "argv: unknown placeholder {operator:HOME}"),
        (FILE.replace('["a"]', '["{operator:SWARMBOT_PRIVATE_KEY}"]'), "argv: unknown placeholder"),
        (HEAD, "task: "),
        (HEAD + "[screen]\nready = 'x'\nbusy = 'y'", "task: "),
        (HEAD + TABLES.replace("'^>'", "'['"), "screen: not a pattern: '['"),
        (FILE + "refuse = ['(']", "refuse: not a pattern: '('"),
        (rule("when = ['(']\nchoose = '^Yes$'"), "rule r: not a pattern: '('"),
        (rule("when = ['x']\nchoose = '*'"), "rule r: not a pattern: '*'"),
        (rule("when = ['x']"), "rule r: needs either choose or keys"),
        (rule("at_cursor = 'x'\nkeys = ['y']\nchoose = 'y'"), "rule r: needs either choose or keys"),
        (rule("choose = '^Yes$'"), "rule r: needs when or at_cursor"),
        (rule("when = ['x']\nkeys = ['enter']"), "rule r: keys need at_cursor"),
        (rule("at_cursor = 'x'\nkeys = ['return']"), "rule r: unknown key 'return'"),
        (rule("at_cursor = 'x'\nkeys = ['y']\ntimes = 0"), "rule r: times"),
        (rule("at_cursor = 'x'\nkeys = ['y']\ntimes = 201"), "rule r: times"),
        (rule("at_cursor = 'x'\nkeys = ['y']\ntimes = 'often'"), "$.rule[0].times"),
    ],
)
def test_what_does_not_fit_is_refused_with_file_and_key(text: str, key: str) -> None:
    with pytest.raises(AgentSpecError) as refused:
        parse(text, source="folder/a.toml")
    assert str(refused.value).startswith("folder/a.toml: ")
    assert key in str(refused.value)


def test_placeholders_are_filled_in() -> None:
    text = FILE.replace('["a"]', '["{python}", "-c", "{operator:SWARMBOT_X_COMMAND} <{task_file}"]')
    spec = parse(text, source="a.toml")
    made = spec.command(python="/p", task_file="/t", operator={"SWARMBOT_X_COMMAND": "run {python}"})
    # What the operator wrote is taken as it is.
    assert made == ["/p", "-c", "run {python} </t"]
    assert spec.operator_settings == ("SWARMBOT_X_COMMAND",)


@pytest.mark.parametrize("operator", [{}, {"SWARMBOT_X_COMMAND": ""}])
def test_a_setting_that_is_missing_is_named(operator: dict[str, str]) -> None:
    spec = parse(FILE.replace('["a"]', '["{operator:SWARMBOT_X_COMMAND}"]'), source="a.toml")
    with pytest.raises(AgentSpecError, match="SWARMBOT_X_COMMAND; set it"):
        spec.command(python="/p", task_file="/t", operator=operator)


@pytest.mark.parametrize(
    "words",
    [
        "rm -rf build",
        "sudo rm -fr /",
        "git push origin main",
        "mkfs.ext4 /dev/sda",
        "dd if=/dev/zero",
        "shutdown now",
        "Please log in to continue",
        "Sign in with your browser",
        "Login required",
        "Enter your password:",
        "Add a credit card",
        "Billing address",
        "drop the database",
    ],
)
def test_some_prompts_are_never_answered_by_rule(words: str) -> None:
    assert parse(FILE + "refuse = ['drop the database']", source="a").refused.search(words)


@pytest.mark.parametrize("words", ["rm build/a.o", "Create login_test.py?", "git pull", "Edit add.py?", "farm -r"])
def test_the_common_refusals_leave_ordinary_work_alone(words: str) -> None:
    assert not parse(FILE, source="a").refused.search(words)
