"""The tokens that an agent used and what they cost, read from what its program wrote down. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from swarmbot.core.agent_spec import Usage
from swarmbot.core.signal import lookup


class Tokens(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run used. ``input`` counts cached tokens too; ``cost_usd`` is the program's own figure, if it tells."""

    input: int = 0
    cached: int = 0
    output: int = 0
    cost_usd: float | None = None

    def __add__(self, other: Tokens) -> Tokens:
        known = [cost for cost in (self.cost_usd, other.cost_usd) if cost is not None]
        cost = sum(known) if known else None
        return Tokens(self.input + other.input, self.cached + other.cached, self.output + other.output, cost)

    def __sub__(self, other: Tokens) -> Tokens:
        cost = None if self.cost_usd is None else max(0.0, self.cost_usd - (other.cost_usd or 0.0))
        return Tokens(
            max(0, self.input - other.input),
            max(0, self.cached - other.cached),
            max(0, self.output - other.output),
            cost,
        )


def read_usage(usage: Usage, texts: Iterable[str]) -> Tokens:
    """Add up the records in the texts of the files. What cannot be read is left out: a figure is never worth a job."""
    total = Tokens()
    for text in texts:
        told = [tokens for tokens in _tokens_of(usage, _unique(usage, _records(usage, text))) if tokens]
        if usage.how == "last":
            told = told[-1:]
        for tokens in told:
            total += tokens
    return total


def _records(usage: Usage, text: str) -> Iterator[object]:
    document = _decoded(text) if usage.records else None
    if document is not None:
        found = lookup(document, usage.records)
        yield from found if isinstance(found, list) else ()
    else:
        yield from (_decoded(line) for line in text.splitlines() if line.strip())


def _unique(usage: Usage, records: Iterable[object]) -> Iterator[object]:
    if not usage.unique:
        yield from records
        return
    last: dict[object, object] = {}
    for number, record in enumerate(records):
        key = lookup(record, usage.unique)
        last[key if isinstance(key, str) else number] = record
    yield from last.values()


def _tokens_of(usage: Usage, records: Iterable[object]) -> Iterator[Tokens | None]:
    for record in records:
        sent, cached, got = (_numbers(record, paths) for paths in (usage.input, usage.cached, usage.output))
        cost = _numbers(record, usage.cost_usd)
        if not sent == cached == got == cost is None:
            yield Tokens(int(sent or 0), int(cached or 0), int(got or 0), cost)


def _numbers(record: object, paths: Iterable[str]) -> float | None:
    found = [value for path in paths if isinstance(value := lookup(record, path), int | float)]
    return sum(found) if found else None


def _decoded(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return None
