"""Tokens and cost, read from what agents' programs wrote down."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from swarmbot.core.agent_spec import Usage
from swarmbot.core.usage import Tokens, read_usage

LINES = Usage("*.jsonl", unique="m.id", input=("m.in", "m.cache"), cached=("m.cache",), output=("m.out",))


def lines(*records: object) -> str:
    return "\n".join(json.dumps(record) for record in records) + "\n"


def test_records_add_up_and_those_with_one_id_count_once() -> None:
    text = lines(
        {"m": {"id": "1", "in": 5, "cache": 100, "out": 1}},
        {"m": {"id": "1", "in": 5, "cache": 100, "out": 7}},
        {"kind": "no usage"},
        {"m": {"id": "2", "in": 3, "out": 2}},
    )
    assert read_usage(LINES, [text, "not json\n{}"]) == Tokens(input=108, cached=100, output=9)


def test_the_last_total_of_each_file_counts() -> None:
    usage = Usage("*", how="last", input=("total.in",), output=("total.out",), cost_usd=("total.cost",))
    first = lines({"total": {"in": 1, "out": 1, "cost": 0.1}}, {"total": {"in": 9, "out": 4, "cost": 0.5}}, {"end": 1})
    second = lines({"total": {"in": 2, "out": 2}})
    assert read_usage(usage, [first, second]) == Tokens(input=11, output=6, cost_usd=0.5)


def test_records_may_lie_in_one_document() -> None:
    usage = Usage("*.json", records="chat.messages", input=("tokens.input",), output=("tokens.output",))
    text = json.dumps({"chat": {"messages": [{"tokens": {"input": 4, "output": 2}}, {"text": "hi"}]}}, indent=2)
    assert read_usage(usage, [text]) == Tokens(input=4, output=2)


def test_a_program_may_have_changed_from_one_document_to_lines() -> None:
    usage = Usage("*.json*", records="messages", input=("tokens.input",))
    document = json.dumps({"messages": [{"tokens": {"input": 4}}]})
    assert read_usage(usage, [document, lines({"tokens": {"input": 1}}, {"tokens": {"input": 2}})]) == Tokens(input=7)


def test_nothing_told_is_nothing_used() -> None:
    assert read_usage(LINES, ["", "{}", "[1]"]) == Tokens()


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    read_usage(LINES, [text])
    read_usage(Usage("*", records="a.0.b", input=("x",)), [text])
