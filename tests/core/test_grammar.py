"""Which words in a comment are commands, read as CommonMark, and how they are taken apart."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmbot.core.grammar import MAX_BODY, FixArguments, Invocation, did_you_mean, find, fix_arguments

FIX = [Invocation("fix")]

COMMANDS = {
    "alone": "/agent fix",
    "capitals": "/Agent FIX",
    "three spaces before it": "   /agent fix",
    "wide spaces": "/agent   fix  ",
    "a tab between": "/agent\tfix",
    "a no-break space between": "/agent\u00a0fix",
    "an ideographic space between": "/agent\u3000fix",
    "mention": "@swarmbot fix",
    "mention of the bot user": "@swarmbot[bot] fix",
    "mention in other letters": "@SwarmBot fix",
    "a full stop behind it": "/agent fix.",
    "an exclamation behind it": "/agent fix!",
    "a colon behind it": "/agent fix:",
    "second line of a paragraph": "Thanks for the report.\n/agent fix",
    "after a paragraph": "Thanks for the report.\n\n/agent fix",
    "Windows line ends": "Thanks.\r\n\r\n/agent fix\r\n",
    "after a hard break": "Thanks.  \n/agent fix",
    "in a list": "- /agent fix",
    "in a numbered list": "1. /agent fix",
    "after closed code": "```\nmake\n```\n/agent fix",
    "after a quote and a blank line": "> it fails\n\n/agent fix",
    "after a heading": "# Today\n/agent fix",
    "after an HTML comment": "<!-- a template -->\n\n/agent fix",
    "after a rule": "---\n\n/agent fix",
    "followed by an e-mail's quote": "/agent fix\n\nOn Monday the bot wrote:\n> /agent stop\n> /agent help",
}

NO_COMMANDS = {
    "nothing": "",
    "another word": "/agents fix",
    "glued": "/agentfix",
    "mid-sentence": "please run /agent fix now",
    "mention mid-sentence": "thanks @swarmbot fix was good",
    "mention of somebody else": "@swarmbots fix",
    "mention of a namesake": "@swarmbot-dev fix",
    "a team": "@acme/swarmbot fix",
    "an e-mail address": "me@swarmbot fix",
    "inline code": "`/agent fix`",
    "inline code before": "`x` /agent fix",
    "fence": "```\n/agent fix\n```",
    "fence of tildes": "~~~\n/agent fix\n~~~",
    "longer fence": "````\n```\n/agent fix\n````",
    "fence that nobody closed": "```\n/agent fix",
    "fence that nobody closed in a list": "- ```\n  /agent fix",
    "indented code": "    /agent fix",
    "indented code by a tab": "\t/agent fix",
    "quote": "> /agent fix",
    "quote in a quote": "> > /agent fix",
    "lazy continuation of a quote": "> he wrote\n/agent fix",
    "list in a quote": "> - /agent fix",
    "e-mail reply": "On Monday somebody wrote:\n> /agent fix\n>\n> thanks",
    "link": "[/agent fix](https://example.org)",
    "link by reference": "[/agent fix][a]\n\n[a]: https://example.org",
    "image": "![/agent fix](a.png)",
    "autolink": "<https://example.org/agent fix>",
    "HTML block": "<div>\n/agent fix\n</div>",
    "HTML comment": "<!--\n/agent fix\n-->",
    "HTML comment that nobody closed": "<!-- example:\n/agent fix\n",
    "inline HTML": "<b>/agent fix</b>",
    "details": "<details>\n/agent fix\n</details>",
    "heading": "# /agent fix",
    "underlined heading": "/agent fix\n=====",
    "strong": "**/agent fix**",
    "emphasis": "*/agent fix*",
    "strong before": "**now** /agent fix",
    "an escape": "x \\/agent fix",
}


@pytest.mark.parametrize("body", COMMANDS.values(), ids=COMMANDS.keys())
def test_is_a_command(body: str) -> None:
    assert find(body, "swarmbot") == FIX


@pytest.mark.parametrize("body", NO_COMMANDS.values(), ids=NO_COMMANDS.keys())
def test_is_no_command(body: str) -> None:
    assert find(body, "swarmbot") == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("/agent", [Invocation("")]),
        ("@swarmbot", [Invocation("")]),
        ("/agent fix with claude, keep it small", [Invocation("fix", "with claude, keep it small")]),
        ("/agent fix\n/agent help", [Invocation("fix"), Invocation("help")]),
        ("/agent fix a\n\ntext\n\n- /agent fix b", [Invocation("fix", "a"), Invocation("fix", "b")]),
        ("/agent fix the `parse` function", [Invocation("fix", "the `parse` function")]),
        ("/agent fix the **whole** file", [Invocation("fix", "the whole file")]),
        ("/agent fix [this](https://example.org)", [Invocation("fix", "this")]),
        ("/agent FiX: Now", [Invocation("fix", "Now")]),
    ],
)
def test_what_follows_is_kept(body: str, expected: list[Invocation]) -> None:
    assert find(body, "swarmbot") == expected


def test_the_apps_name_is_no_pattern() -> None:
    assert find("@axb fix", "a.b") == []
    assert find("@a.b fix", "a.b") == FIX


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("", FixArguments(None, "")),
        ("the parser", FixArguments(None, "the parser")),
        ("with claude", FixArguments("claude", "")),
        ("WITH Claude", FixArguments("claude", "")),
        ("with claude keep it small", FixArguments("claude", "keep it small")),
        ("with Claude:Opus-4.1 keep it small", FixArguments("claude", "keep it small", "Opus-4.1")),
        ("with pi:openai/gpt-5:high", FixArguments("pi", "", "openai/gpt-5:high")),
        ("with claude, keep it small", FixArguments("claude", "keep it small")),
        ("with claude: keep it small", FixArguments("claude", "keep it small")),
        ("with", FixArguments("", "")),
        ("without tests", FixArguments(None, "without tests")),
        ("it with care", FixArguments(None, "it with care")),
    ],
)
def test_fix_is_read(rest: str, expected: FixArguments) -> None:
    assert fix_arguments(rest) == expected


@pytest.mark.parametrize(
    ("word", "expected"), [("fixx", "fix"), ("hlep", "help"), ("hepl", "help"), ("deploy", None), ("", None)]
)
def test_did_you_mean(word: str, expected: str | None) -> None:
    assert did_you_mean(word, ["fix", "help"]) == expected


HUGE = {
    "brackets": "[" * MAX_BODY,
    "closed brackets": "[" * (MAX_BODY // 2) + "]" * (MAX_BODY // 2),
    "links": "[a](" * (MAX_BODY // 4),
    "images": "![" * (MAX_BODY // 2),
    "quotes": ">" * MAX_BODY,
    "quotes on each line": "> > > > x\n" * (MAX_BODY // 10),
    "emphasis": "*a_" * (MAX_BODY // 3),
    "stars": "*" * MAX_BODY,
    "backticks": "".join("`" * n + " " for n in range(1, 360)),
    "lists": "- " * (MAX_BODY // 2),
    "nested lists": "".join("  " * n + "- a\n" for n in range(250)),
    "HTML": "<a " * (MAX_BODY // 3),
    "HTML comments": "<!-" * (MAX_BODY // 3),
    "entities": "&amp;" * (MAX_BODY // 5),
    "tables": "|" * MAX_BODY,
    "spaces": " " * MAX_BODY,
    "commands": "/agent x\n" * (MAX_BODY // 9),
}


@pytest.mark.parametrize("body", HUGE.values(), ids=HUGE.keys())
def test_the_largest_comment_is_read_in_no_time(body: str) -> None:
    before = time.process_time()
    find(body, "swarmbot")
    # Some 0.3 s at most when this was written; a quadratic parser takes minutes.
    assert time.process_time() - before < 4


def test_what_is_longer_than_any_comment_is_not_read() -> None:
    assert find("x\n\n" * MAX_BODY + "/agent fix", "swarmbot") == []


@given(st.text(alphabet=st.sampled_from("/agent fix@swrbo[]()<>!`~*_#->\n\r\t \\&;|\x00\u2028é"), max_size=300))
def test_any_text_is_read(body: str) -> None:
    for invocation in find(body, "swarmbot"):
        assert invocation.verb == invocation.verb.lower()
        assert "\n" not in invocation.verb + invocation.rest


@given(st.text(max_size=500))
def test_any_text_behind_a_quote_mark_is_no_command(text: str) -> None:
    quoted = "\n".join(f"> {line}" for line in f"/agent fix\n{text}".splitlines())
    assert find(quoted, "swarmbot") == []
