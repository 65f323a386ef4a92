"""Secrets that are spread over the events of a finished recording."""

from __future__ import annotations

import stat
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from swarmbot.terminal.recording import Recorder, read_cast
from swarmbot.terminal.scrub import scrub

SECRET, LONGER = "sk-secret", "sk-secret-and-more"
TEXT = f"before {LONGER} between {SECRET}{SECRET} after"
CLEAN = "before [redacted] between [redacted][redacted] after"


def recorded(path: Path, pieces: list[str]) -> None:
    with Recorder(path, cols=80, rows=24) as recorder:
        for piece in pieces:
            recorder.output(piece.encode())
            recorder.input(b"x")


def output(path: Path) -> str:
    return "".join(event.data for event in read_cast(path)[1] if event.kind == "o")


@given(st.lists(st.integers(1, len(TEXT) - 1), unique=True))
def test_a_secret_is_taken_out_wherever_it_is_cut(cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(TEXT)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "it.cast"
        recorded(path, [TEXT[start:end] for start, end in pairwise(bounds)])
        before = [(event.t, event.kind) for event in read_cast(path)[1]]
        scrub(path, [SECRET, LONGER])
        assert output(path) == CLEAN
        assert [(event.t, event.kind) for event in read_cast(path)[1]] == before
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [entry.name for entry in Path(folder).iterdir()] == ["it.cast"]


def test_a_recording_without_secrets_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "it.cast"
    recorded(path, ["nothing ", "here"])
    before = path.read_bytes(), path.stat().st_ino
    scrub(path, [SECRET, "here", ""])
    assert (path.read_bytes(), path.stat().st_ino) == before


def test_what_was_typed_and_what_was_drawn_are_two_texts(tmp_path: Path) -> None:
    path = tmp_path / "it.cast"
    with Recorder(path, cols=80, rows=24) as recorder:
        for char in SECRET:
            recorder.input(char.encode())
            recorder.output(char.encode())
    scrub(path, [SECRET])
    typed = "".join(event.data for event in read_cast(path)[1] if event.kind == "i")
    assert (typed, output(path)) == ("[redacted]", "[redacted]")
