"""URLs with secrets: a password, a token or a signature. This module imports nothing of the project."""

import json
import os
import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

# JSON list of the whole URLs; a run's parameters and logs hold their public forms only
URLS_VARIABLE = "ASL_SECRET_URLS"
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
    """Remove the secrets from every URL in a string.

    Args:
        text: A URL, a setting, or a message.

    Returns:
        The string, with its URLs without users, passwords, queries and fragments.
    """
    return _BARE_QUERY.sub("", _QUERY.sub(r"\g<path>", _USER.sub("", text)))


def is_secret(text: str) -> bool:
    """Whether a string holds a URL with a secret."""
    return public(text) != text


def remember(texts: Iterable[str]) -> None:
    """Keep full URLs in this process's environment, for steps that get only the public forms.

    Args:
        texts: Settings; those without secrets are ignored.
    """
    secret = [text for text in texts if is_secret(text)]
    if secret:
        os.environ[URLS_VARIABLE] = json.dumps(secret)


def with_secrets(text: str) -> str:
    """Restore the full URL that `public` shortened.

    Args:
        text: A URL or a list of sources.

    Returns:
        The string that `remember` kept; otherwise unchanged.
    """
    kept = json.loads(os.environ.get(URLS_VARIABLE, "[]"))
    return next((secret for secret in kept if public(secret) == text), text)


def without_user(url: str) -> tuple[str, str, str]:
    """Split user and password from a URL.

    Args:
        url: URL such as http://USER:PASSWORD@HOST.

    Returns:
        The URL without them, the user and the password; both empty if there are none.
    """
    user, _, password = urlsplit(url).netloc.rpartition("@")[0].partition(":")
    return _USER.sub("", url), unquote(user), unquote(password)
