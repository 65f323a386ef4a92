"""Agent files: what fits the vocabulary is read, what does not is refused with the file and the key named."""

from __future__ import annotations

import pytest

from swarmbot.core.agent_file import parse
from swarmbot.core.agent_spec import AgentSpecError

NAMES = 'name = "a"\ntitle = "A"\n'
HEAD = NAMES + '[interactive]\nargv = ["a"]\n'
FILE = NAMES + '[headless]\nargv = ["a"]\ntask = "file"\n'
TABLES = "[screen]\nready = '^>'\nbusy = 'busy'\n[leave]\ntype = '/exit'\n"


def rule(text: str) -> str:
    return FILE + f'[[rule]]\nname = "r"\n{text}\n'


def test_a_small_file_is_read_with_its_defaults() -> None:
    spec = parse(FILE, source="a.toml")
    assert spec.headless is not None
    assert (spec.name, spec.headless.argv, spec.headless.task, spec.rule) == ("a", ("a",), "file", ())
    assert spec.modes == ("headless",)
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
        ('title = "A"', "`name`"),
        (NAMES + 'colour = "red"', "`colour`"),
        (FILE + 'colour = "red"', "`colour` - at `$.headless`"),
        (FILE + "[screen]\nready = 'x'\nbusy = 'y'\nblink = 'z'", "`blink` - at `$.screen`"),
        (rule("wenn = ['x']"), "`wenn` - at `$.rule[0]`"),
        (FILE + "environment = 'PATH'", "$.headless.environment"),
        (FILE.replace('["a"]', '"a b"'), "$.headless.argv"),
        (FILE.replace('["a"]', "[]"), "headless.argv: must name a program"),
        (FILE.replace('"file"', '"pigeon"'), "$.headless.task"),
        (FILE.replace('"a"\n', '"A b"\n', 1), "name: lower case"),
        (FILE.replace('"a"\n', '"-a"\n', 1), "name: lower case"),
        (FILE.replace('"a"\n', '"../a"\n', 1), "name: lower case"),
        (FILE.replace('["a"]', '["{nonsense}"]'), "headless.argv: unknown placeholder {nonsense}"),
        (FILE.replace('["a"]', '["a", "{operator:HOME}"]'), "argv: unknown placeholder {operator:HOME}"),
        (FILE.replace('["a"]', '["{operator:SWARMBOT_PRIVATE_KEY}"]'), "argv: unknown placeholder"),
        (HEAD, "interactive.task: "),
        (HEAD + "[screen]\nready = 'x'\nbusy = 'y'", "interactive.task: "),
        (NAMES, "interactive: "),
        (FILE.replace('"file"', '"paste"') + TABLES, "headless.task: "),
        (NAMES + '[program]\ncommand = "a"\ntested = ["1"]\n[headless]\nargv = ["a"]\ntask = "file"', "program.tested"),
        (HEAD + TABLES.replace("'^>'", "'['"), "screen: not a pattern: '['"),
        (NAMES + "refuse = ['(']\n" + FILE.removeprefix(NAMES), "refuse: not a pattern: '('"),
        (NAMES + "litter = ['*']\n" + FILE.removeprefix(NAMES), "litter: '*'"),
        (NAMES + "litter = ['../x*']\n" + FILE.removeprefix(NAMES), "litter: '../x*'"),
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
    assert parse(NAMES + "refuse = ['drop the database']\n" + FILE.removeprefix(NAMES), source="a").refused.search(
        words
    )


@pytest.mark.parametrize("words", ["rm build/a.o", "Create login_test.py?", "git pull", "Edit add.py?", "farm -r"])
def test_the_common_refusals_leave_ordinary_work_alone(words: str) -> None:
    assert not parse(FILE, source="a").refused.search(words)
