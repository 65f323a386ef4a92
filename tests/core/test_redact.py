"""Secrets that must not leave, in the shapes in which they leave; and words that only look a little like them."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmbot.core.redact import HIDDEN, plain, redactor

SECRET = "correct horse/battery+staple?"
JWT = "eyJhbGciOiJIUzI1NiJ9." + "eyJpc3MiOiJkZW1vIiwiaW5zdCI6MTAwfQ" + "." + "c2lnbmF0dXJl-_" * 30
PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + "\n".join(["MIIEpAIBAAKCAQEA" * 4] * 5) + "\n-----END RSA PRIVATE KEY-----"

redact = redactor([SECRET])


@pytest.mark.parametrize(
    "form",
    [SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode().rstrip("=")],
    ids=["as it is", "in an address", "in base64"],
)
def test_a_known_value_is_hidden(form: str) -> None:
    assert redact(f"before {form} after") == f"before {HIDDEN} after"


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "x-access-token:"])
@pytest.mark.parametrize("after", ["", "z", "yz", "xyz"])
def test_a_known_value_is_hidden_at_every_offset_in_base64(before: str, after: str) -> None:
    shown = redact(base64.b64encode(f"{before}{SECRET}{after}".encode()).decode())
    assert HIDDEN in shown
    # At most the characters that the neighbours share in are left of it.
    assert len(shown.replace(HIDDEN, "")) <= len(base64.b64encode(f"{before}{after}".encode())) + 8


@given(st.binary(max_size=9), st.binary(max_size=9))
def test_no_base64_that_holds_the_value_passes(before: bytes, after: bytes) -> None:
    shown = redact(base64.b64encode(before + SECRET.encode() + after).decode())
    assert HIDDEN in shown


@pytest.mark.parametrize(
    "credential",
    [
        "ghs_" + "a1B2" * 9,
        f"ghs_4242_{JWT}",
        "ghp_" + "a" * 36,
        "gho_" + "a" * 36,
        "github_pat_11ABCDEFG0" + "a" * 50,
        "sk-ant-api03-" + "a-_" * 20,
        "sk-proj-" + "a" * 40,
        "sk-" + "a" * 40,
        "AIza" + "a" * 35,
        "AKIA" + "A1" * 8,
        "xoxb-1234567890-abcdef",
        JWT,
        PEM,
        PEM.replace("RSA ", ""),
        PEM.replace("RSA", "OPENSSH"),
        PEM[:150],
    ],
)
def test_what_has_the_shape_of_a_credential_is_hidden(credential: str) -> None:
    assert redact(f"it is {credential}") == f"it is {HIDDEN}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://x-access-token:abc123@github.com/a/b", f"https://{HIDDEN}@github.com/a/b"),
        ("redis://:hunter22@db:6379/0", f"redis://{HIDDEN}@db:6379/0"),
        ("Authorization: Bearer abcdefgh12345678", f"Authorization: {HIDDEN}"),
        ("authorization: Basic eC1hY2Nlc3M6YWJj", f"authorization: {HIDDEN}"),
    ],
)
def test_credentials_in_addresses_and_headers_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The parser fails on an empty file; see core/parser.py:120.",
        "task-force, risk-averse and ask-me-anything-you-want-to-know",
        "commit 0123456789abcdef0123456789abcdef01234567",
        "https://github.com/acme/wordcount/pull/7#issuecomment-1",
        "git@github.com:acme/wordcount.git",
        "mail me at someone@example.org: thanks",
        "ghs_short and eyJ.a.b",
        "-----BEGIN CERTIFICATE-----",
        "swarmbot/3-abcdefghij",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert redact(text) == text


def test_values_too_short_to_be_secrets_hide_nothing() -> None:
    assert redactor(["", "a", "main"])("a main thing") == "a main thing"


def test_the_longest_of_several_values_goes_first() -> None:
    assert redactor(["abcdef", "abcdefghi"])("abcdefghi") == HIDDEN


def test_values_are_no_patterns() -> None:
    assert redactor(["a.*b.*c"])("a12b34c a.*b.*c") == f"a12b34c {HIDDEN}"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("sec\x1b[3Cret", "secret"),
        ("a\x00b\x07c\x9bd", "abcd"),
        ("kept\n\tkept", "kept\n\tkept"),
        ("\x1b(Bplain", "plain"),
    ],
)
def test_terminal_output_becomes_plain(raw: str, shown: str) -> None:
    assert plain(raw) == shown


def test_colours_are_no_hiding_place() -> None:
    coloured = SECRET[:6] + "\x1b[31m" + SECRET[6:12] + "\x1b[0m" + SECRET[12:]
    assert redact(plain(coloured)) == HIDDEN


def test_a_long_word_that_looks_like_many_tokens_takes_no_longer_than_any_other() -> None:
    # Quadratic, this takes minutes: the time limit of the suite ends it.
    redact = redactor([])
    assert redact("eyJ" * 300_000) == "eyJ" * 300_000
