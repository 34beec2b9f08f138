"""URLs that carry secrets: a password, a token or a signature. This module imports nothing of the project."""

import json
import os
import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

VARIABLE = "ASL_SECRET_URLS"  # JSON list of the whole URLs; a run's parameters and logs hold their public forms only
# A password may hold "@" and, where no port follows the colon, what would end the host: "/", "?" and "#".
_USER = re.compile(
    r"""(?<=://)(?:
        [^\s/?#"'<>]*@
        | [^\s/?#@"'<>:]* : (?!\d*(?:[/?#,]|(?![^\s"'<>]))) [^\s"'<>]*@
    )""",
    re.VERBOSE,
)
# "#/…" is a page of a web application. Behind a comma only the next part of a list begins another URL: NAME=SOURCE or
# `synthetic`.
_QUERY = re.compile(r"""(?P<path>://[^\s?#"'<>]*)(?:\?|#(?!/))(?:[^\s,"'<>]|,(?![\w.-]+=|synthetic))*""")
_BARE_QUERY = re.compile(r"""(?<=[\w/.%-])\?[\w.%~-]+=[^\s"'<>),]*""")  # "/asl.zip?sig=…", as HTTP clients report it


def public(text: str) -> str:
    """Take the secrets out of every URL in a text.

    Args:
        text: a URL, a setting, or a line for people.

    Returns:
        The text without users, passwords, queries and fragments of its URLs.
    """
    return _BARE_QUERY.sub("", _QUERY.sub(r"\g<path>", _USER.sub("", text)))


def is_secret(text: str) -> bool:
    """Whether a text holds a URL with something that others must not see."""
    return public(text) != text


def remember(texts: Iterable[str]) -> None:
    """Keep whole URLs in this process's environment, for steps that are told the public forms.

    Args:
        texts: settings; those without secrets are left out.
    """
    secret = [text for text in texts if is_secret(text)]
    if secret:
        os.environ[VARIABLE] = json.dumps(secret)


def with_secrets(text: str) -> str:
    """Give the whole form of what `public` shortened.

    Args:
        text: a URL or a list of sources.

    Returns:
        The text that `remember` kept, else the same.
    """
    kept = json.loads(os.environ.get(VARIABLE, "[]"))
    return next((secret for secret in kept if public(secret) == text), text)


def without_user(url: str) -> tuple[str, str, str]:
    """Take user and password out of a URL.

    Args:
        url: such as http://USER:PASSWORD@HOST.

    Returns:
        The URL without them, the user and the password; both empty where it names none.
    """
    user, _, password = urlsplit(url).netloc.rpartition("@")[0].partition(":")
    return _USER.sub("", url), unquote(user), unquote(password)
