"""The demo agent's model: which faults it finds, and that its edit mends them."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarmbot.demo.agent_model import apply, diff_rows, find_edit

FAULTY = '''\
def average_length(text):
    """Return how long words are."""
    words = text.split()
    return sum(len(word) for word in words) / len(words)
'''
MENDED = '''\
def average_length(text):
    """Return how long words are."""
    words = text.split()
    if not words:
        return 0.0
    return sum(len(word) for word in words) / len(words)
'''


def mend(folder: Path, source: str) -> str | None:
    path = folder / "stats.py"
    path.write_bytes(source.encode())
    edit = find_edit(folder)
    if edit is None:
        return None
    apply(edit)
    return path.read_bytes().decode()


def test_the_guard_goes_before_the_division(tmp_path: Path) -> None:
    assert mend(tmp_path, FAULTY) == MENDED
    assert find_edit(tmp_path) is None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(FAULTY.replace("    ", "\t"), MENDED.replace("    ", "\t"), id="tabs"),
        pytest.param(FAULTY.replace("\n", "\r\n"), MENDED.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(
            "class A:\n  def f(self, xs):\n    return 1 / len(xs)",
            "class A:\n  def f(self, xs):\n    if not xs:\n      return 0.0\n    return 1 / len(xs)",
            id="method, two spaces, no newline at the end",
        ),
        pytest.param(
            "def f(xs):\n    mean = sum(xs) / len(xs)\n    return mean\n",
            "def f(xs):\n    if not xs:\n        return 0.0\n    mean = sum(xs) / len(xs)\n    return mean\n",
            id="assignment",
        ),
    ],
)
def test_it_keeps_to_the_style_of_the_file(tmp_path: Path, source: str, expected: str) -> None:
    assert mend(tmp_path, source) == expected


@pytest.mark.parametrize(
    "source",
    [
        MENDED,
        "def f(xs):\n    return sum(xs) / len(xs) if xs else 0\n",
        "def f(xs):\n    assert len(xs) > 0\n    return sum(xs) / len(xs)\n",
        "def f(xs): return sum(xs) / len(xs)\n",
        "def f(xs):\n    return sum(xs) / 2\n",
        "def f(lists):\n    for xs in lists:\n        print(1 / len(xs))\n",
        "def f(xs:\n    return 1 / len(xs)\n",
        "print(1 / len(xs))\n",
    ],
)
def test_what_is_guarded_or_not_understood_is_left_alone(tmp_path: Path, source: str) -> None:
    assert mend(tmp_path, source) is None


def test_tests_links_and_hidden_folders_are_not_looked_at(tmp_path: Path) -> None:
    for name in ("tests/stats.py", "test_stats.py", ".git/stats.py", "node_modules/stats.py", "stats.txt"):
        path = tmp_path / "repo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FAULTY)
    (tmp_path / "outside.py").write_text(FAULTY)
    (tmp_path / "repo" / "link.py").symlink_to(tmp_path / "outside.py")
    assert find_edit(tmp_path / "repo") is None


def test_the_edit_is_shown_with_line_numbers(tmp_path: Path) -> None:
    (tmp_path / "stats.py").write_text(FAULTY)
    edit = find_edit(tmp_path)
    assert edit is not None
    assert diff_rows(edit) == [
        '   2       """Return how long words are."""',
        "   3       words = text.split()",
        "   4 +     if not words:",
        "   5 +         return 0.0",
        "   6       return sum(len(word) for word in words) / len(words)",
        "   7   ",
    ]
