"""URLs with secrets: a password, a token or a signature. This module imports nothing of the project."""

import json
import os
import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

URLS_VARIABLE = "ASL_SECRET_URLS"  # JSON list of whole URLs; a run's parameters and logs hold only their public forms
# A password may contain "@" and, where no port follows the colon, "/", "?" and "#", which would end the host.
_USER = re.compile(
    r"""(?<=://)(?:
        [^\s/?#"'<>]*@
        | [^\s/?#@"'<>:]* : (?!\d*(?:[/?#,]|(?![^\s"'<>]))) [^\s"'<>]*@
    )""",
    re.VERBOSE,
)
# "#/…" is a page of a web application. After a comma only NAME=SOURCE or `synthetic` begins another part of a list.
_QUERY = re.compile(r"""(?P<path>://[^\s?#"'<>]*)(?:\?|#(?!/))(?:[^\s,"'<>]|,(?![\w.-]+=|synthetic))*""")
_BARE_QUERY = re.compile(r"""(?<=[\w/.%-])\?[\w.%~-]+=[^\s"'<>),]*""")  # "/asl.zip?sig=…", as HTTP clients report URLs


def public(text: str) -> str:
    """Remove the secrets from every URL in a text.

    Args:
        text: A URL, a setting, or a message.

    Returns:
        The text; its URLs have no user, password, query or fragment.
    """
    return _BARE_QUERY.sub("", _QUERY.sub(r"\g<path>", _USER.sub("", text)))


def is_secret(text: str) -> bool:
    """Whether a text contains a URL with a secret."""
    return public(text) != text


def remember(texts: Iterable[str]) -> None:
    """Keep whole URLs in the environment, for steps that get only the public forms.

    Args:
        texts: Values of settings; those without secrets are left out.
    """
    secret = [text for text in texts if is_secret(text)]
    if secret:
        os.environ[URLS_VARIABLE] = json.dumps(secret)


def with_secrets(text: str) -> str:
    """Restore the secrets that `public` removed.

    Args:
        text: A URL or a list of sources.

    Returns:
        The text that `remember` kept; the same text if it kept none.
    """
    kept = json.loads(os.environ.get(URLS_VARIABLE, "[]"))
    return next((secret for secret in kept if public(secret) == text), text)


def without_user(url: str) -> tuple[str, str, str]:
    """Split user and password from a URL.

    Args:
        url: URL such as http://USER:PASSWORD@HOST.

    Returns:
        The URL without them, the user, and the password; both empty if there are none.
    """
    user, _, password = urlsplit(url).netloc.rpartition("@")[0].partition(":")
    return _USER.sub("", url), unquote(user), unquote(password)
