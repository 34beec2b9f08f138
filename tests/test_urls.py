"""Secrets in URLs are removed from every text, and kept for the steps that need them."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_pkg import urls

WORD = st.text(string.ascii_letters + string.digits, min_size=6, max_size=12)
PASSWORD = st.text(string.ascii_letters + string.digits + "@:/?#%!$&*+=~._-", min_size=6, max_size=20).filter(
    lambda text: not re.search("@.*[/?#]", text)  # where the host begins nobody could tell
)


@given(user=WORD, password=PASSWORD, signature=WORD)
def test_no_password_and_no_signature_is_left(user: str, password: str, signature: str) -> None:
    url = f"https://{user}:x{password}@host.example/a/b.zip?X-Amz-Signature={signature}"
    shown = urls.public(f"'{url}' did not answer")
    assert shown == "'https://host.example/a/b.zip' did not answer"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ann=https://u:p@h/a.zip?s=1,2,bob=s3://b/x,synthetic", "ann=https://h/a.zip,bob=s3://b/x,synthetic"),
        ("with url: /a.zip?X-Amz-Signature=dead (Caused by", "with url: /a.zip (Caused by"),
        ("https://token@host/r.git", "https://host/r.git"),
        ("https://h/x#access_token=1", "https://h/x"),
        ("mysql+pymysql://u:p@h/db", "mysql+pymysql://h/db"),
    ],
    ids=["a list", "only a path", "a token", "a fragment", "a database"],
)
def test_every_form_of_a_url_is_shortened(text: str, shown: str) -> None:
    assert urls.public(text) == shown
    assert urls.is_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8080/x",
        "http://h/#/runs/details/1",
        "http://[::1]:80",
        "s3://bucket/a@b",
        "https://h:443",
        "a/?.jpg",
        "did you mean 'x'?",
    ],
)
def test_what_holds_no_secret_stays_as_it_is(text: str) -> None:
    assert urls.public(text) == text
    assert not urls.is_secret(text)


def test_what_was_remembered_is_found_by_its_public_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(urls.URLS_VARIABLE, "[]")
    secret = "https://ann:pw@host/a.zip?sig=1"
    urls.remember(["120", secret])
    assert urls.with_secrets("https://host/a.zip") == secret
    assert urls.with_secrets("https://other/a.zip") == "https://other/a.zip"


def test_user_and_password_are_taken_out_of_a_servers_url() -> None:
    assert urls.without_user("http://ann:p%40w@h:5000/x") == ("http://h:5000/x", "ann", "p@w")
    assert urls.without_user("http://h:5000") == ("http://h:5000", "", "")
