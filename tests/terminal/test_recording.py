"""Recordings: valid asciinema v2, complete, bounded, readable after a crash."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from swarmbot.terminal.recording import CastEvent, Recorder, RecordingError, read_cast


def ticking(step: float) -> Iterator[float]:
    return (n * step for n in count())


def recorder(path: Path, *, step: float = 1.0, limit: int = 1_000_000) -> Recorder:
    ticks = ticking(step)
    return Recorder(path, cols=80, rows=24, title="a job", clock=lambda: next(ticks), limit=limit)


def test_file_is_asciinema_v2(tmp_path: Path) -> None:
    path = tmp_path / "session.cast"
    with recorder(path) as cast:
        cast.output(b"hello\r\n")
        cast.input(b"\x1b[A")
        cast.resize(100, 30)
        cast.mark("a marker")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0].items() >= {"version": 2, "width": 80, "height": 24, "title": "a job"}.items()
    assert [line[1:] for line in lines[1:]] == [
        ["o", "hello\r\n"],
        ["i", "\x1b[A"],
        ["r", "100x30"],
        ["m", "a marker"],
    ]
    times = [line[0] for line in lines[1:]]
    assert times == sorted(times)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_character_cut_between_two_chunks_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "session.cast"
    text = "❯ größer 漢字 🙂"
    with recorder(path) as cast:
        for byte in text.encode():
            cast.output(bytes([byte]))
    _, events = read_cast(path)
    assert "".join(event.data for event in events) == text


def test_bytes_that_are_no_text_are_kept_readable(tmp_path: Path) -> None:
    path = tmp_path / "session.cast"
    with recorder(path) as cast:
        cast.output(b"a\xffb")
        cast.output("é".encode()[:1])
    _, events = read_cast(path)
    assert "".join(event.data for event in events) == "a\ufffdb\ufffd"


def test_events_are_on_disk_after_a_moment_without_closing(tmp_path: Path) -> None:
    path = tmp_path / "session.cast"
    with recorder(path, step=0.01) as cast:
        cast.output(b"first")
        assert list(read_cast(path)[1]) == []
        for _ in range(10):
            cast.output(b".")
        assert next(read_cast(path)[1]).data == "first"


def test_output_beyond_the_limit_is_left_out_with_a_mark_but_not_what_was_typed(tmp_path: Path) -> None:
    path = tmp_path / "session.cast"
    with recorder(path, limit=5000) as cast:
        for _ in range(100):
            cast.output(b"x" * 500)
            cast.reply(b"\x1b[1;1R")
        cast.input(b"\r")
    _, found = read_cast(path)
    events = list(found)
    assert path.stat().st_size < 6500
    assert [event.data for event in events if event.kind == "m"] == [
        "The recording has reached its limit of 5000 bytes; later output is left out."
    ]
    assert events[-1].data == "\r"


def test_text_is_redacted_before_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "session.cast"
    with Recorder(path, cols=80, rows=24, redact=lambda text: text.replace("secret", "***")) as cast:
        cast.output(b"the secret")
        cast.input(b"secret\r")
    assert "secret" not in path.read_text()
    assert [event.data for event in read_cast(path)[1]] == ["the ***", "***\r"]


def test_an_existing_file_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "session.cast"
    path.write_text("evidence")
    with pytest.raises(RecordingError, match="exists"):
        recorder(path)
    assert path.read_text() == "evidence"


def test_a_full_disk_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "session.cast"
    with recorder(path) as cast, capture_logs() as logs:
        descriptors = [fd for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink() and fd.readlink() == path]
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, int(descriptors[0].name))
        os.close(full)
        cast.mark("lost")
        cast.mark("lost as well")
    assert [(log["event"], log["path"]) for log in logs] == [("recording_failed", str(path))]


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "session.cast"
    path.write_text('{"version": 2, "width": 80, "height": 24}\n[0.5, "o", "whole"]\n[0.7, "o", "to')
    header, events = read_cast(path)
    assert (header.width, header.height) == (80, 24)
    assert list(events) == [CastEvent(0.5, "o", "whole")]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "line 1"),
        ('{"version": 1, "width": 80, "height": 24}\n', "line 1"),
        ('{"version": 2, "width": 80, "height": 24}\n[1, "o"]\n[2, "o", "x"]\n', "line 2"),
        ('{"version": 2, "width": 80, "height": 24}\n[1, 2, "x"]\n', "line 2"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "bad.cast"
    path.write_text(content)
    with pytest.raises(RecordingError, match=complaint):
        list(read_cast(path)[1])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"gone\.cast cannot be read"):
        read_cast(tmp_path / "gone.cast")
