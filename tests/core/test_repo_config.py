"""What a repository may set, and what is said where it cannot be used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmbot.core.agent_spec import Autonomy
from swarmbot.core.repo_config import RepoConfig, RepoConfigError, allowed, parse


def test_an_empty_file_sets_nothing() -> None:
    assert parse("") == parse("# nothing\n") == RepoConfig(mode="interactive", autonomy=None)


def test_mode_and_autonomy_are_read() -> None:
    assert parse("mode: headless\nautonomy: ask\n") == RepoConfig("headless", "ask")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mode: quick", "`$.mode`"),
        ("mode: quick", "mode`: interactive, headless"),
        ("agnet: x", "`agnet`"),
        ("- mode", "object"),
        ("mode: [", "line 1"),
        ("a: &a [x]\nb: *a", "aliases"),
        ("mode: !!python/object:os.system x", "line 1"),
        ("#" * 64_001, "larger than 64000 bytes"),
    ],
)
def test_what_cannot_be_used_is_named(text: str, said: str) -> None:
    with pytest.raises(RepoConfigError) as refused:
        parse(text)
    assert str(refused.value).startswith(".github/swarmbot.yml: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("wanted", "most", "given_"),
    [(None, "edits", "edits"), ("full", "edits", "edits"), ("ask", "full", "ask"), ("full", "full", "full")],
)
def test_a_repository_gets_no_more_than_the_operator_allows(
    wanted: Autonomy | None, most: Autonomy, given_: Autonomy
) -> None:
    assert allowed(wanted, most) == given_


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except RepoConfigError as refused:
        assert ".github/swarmbot.yml" in str(refused)  # noqa: PT017 - either way is right, nothing else is
