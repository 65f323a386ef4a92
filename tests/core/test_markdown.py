"""Text of others inside our Markdown: it stays in its code, in its line, and within its size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from swarmbot.core.markdown import CUT, code, cut_bytes, fenced, one_line

MARKDOWN = MarkdownIt("commonmark")
BACKTICKS = st.text(alphabet=st.sampled_from("`~a \n\t<>@#-é漢🙂"), max_size=200)


def kinds(text: str) -> list[str]:
    return [token.type for token in MARKDOWN.parse(text)]


@given(BACKTICKS)
def test_fenced_text_cannot_leave_its_fence(text: str) -> None:
    assert kinds(fenced(text) + "\n\nafter") == ["fence", "paragraph_open", "inline", "paragraph_close"]


@pytest.mark.parametrize("text", ["", "```", "````\n```", "a\r\n```\r\nb", "~~~", "    ```"])
def test_fenced_text_is_kept_whole(text: str) -> None:
    [token] = MARKDOWN.parse(fenced(text))
    assert token.content.rstrip("\n") == text.replace("\r\n", "\n").rstrip("\n")


@given(st.text(alphabet=st.sampled_from("`a \n<@*[](\\)"), min_size=1, max_size=300))
def test_code_is_one_piece_of_code_on_one_line(text: str) -> None:
    made = code(text, 50)
    assert "\n" not in made
    assert len(made) <= 52
    if text.strip():
        [inline] = [token for token in MARKDOWN.parse(made) if token.type == "inline"]
        assert [child.type for child in inline.children or []] == ["code_inline"]


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("Crash on empty file", 67, "Crash on empty file"),
        ("two\nlines", 67, "two lines"),
        ("a\r\nb\x00c\u2028d\u0085e", 67, "a b c d e"),
        ("right\u202eto left", 67, "right to left"),
        ("  spaces   fold ", 67, "spaces fold"),
        ("", 67, ""),
        ("x" * 10, 5, "xxxx…"),
        ("ab cdef", 4, "ab…"),
    ],
)
def test_one_line(text: str, most: int, expected: str) -> None:
    assert one_line(text, most) == expected


@given(st.text(max_size=300), st.integers(1, 80))
def test_one_line_is_one_printable_line_of_that_length(text: str, most: int) -> None:
    line = one_line(text, most)
    assert len(line) <= most
    assert line.isprintable()


def test_what_fits_is_not_cut() -> None:
    assert cut_bytes("é" * 50, 100) == "é" * 50


@given(st.text(alphabet=st.sampled_from("`a \né漢🙂\ud7ff"), max_size=400), st.integers(80, 400))
def test_what_is_cut_fits_and_is_text(text: str, most: int) -> None:
    made = cut_bytes(text, most)
    assert len(made.encode()) <= most
    assert made == text or made.endswith(CUT)


@given(st.lists(BACKTICKS, max_size=8), st.integers(80, 300))
def test_our_own_fences_are_closed_where_the_text_is_cut(texts: list[str], most: int) -> None:
    made = cut_bytes("\n\n".join(fenced(text) for text in texts) or "x", most)
    if made.endswith(CUT):
        last = [token for token in MARKDOWN.parse(made) if token.type in ("fence", "inline")][-1]
        assert last.type == "inline"
        assert last.content == CUT.strip()


def test_a_long_fence_is_closed_too() -> None:
    made = cut_bytes("`" * 100 + "text\nlong\n" + "word " * 500, 1000)
    assert len(made.encode()) <= 1000
    assert kinds(made)[-2:] == ["inline", "paragraph_close"]
