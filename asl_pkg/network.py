"""Proxies and login pages between a client and a server; our own servers are reached without a proxy."""

import ipaddress
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from requests import Response

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
_CLUSTER_NAME = re.compile(r"[\w-]+|.+\.svc(\.cluster\.local)?")  # a Service's name inside the cluster
_NAME_IN_POD = re.compile(r"[\w-]+\.[\w-]+")  # NAME.NAMESPACE
_PAGE = re.compile(r"\s*(<!doctype html|<html)", re.IGNORECASE)


def runs_in_pod() -> bool:
    """Whether this process runs in a pod of Kubernetes."""
    return "KUBERNETES_SERVICE_HOST" in os.environ


def reach_directly(url: str = "") -> None:
    """Let HTTP clients of this process bypass the proxy for servers on this machine and in this cluster.

    Args:
        url: URL of a server to be called; the proxy still applies if it is outside.
    """
    kept = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    host = urlsplit(url).hostname or ""
    wanted = [*LOOPBACK_HOSTS, host] if _is_inside(host) else LOOPBACK_HOSTS
    names = list(dict.fromkeys([*filter(None, kept.split(",")), *wanted]))
    os.environ.update(no_proxy=",".join(names), NO_PROXY=",".join(names))


def is_web_page(text: str) -> bool:
    """Whether an answer is a web page, such as a login page in front of a server.

    Args:
        text: Body of the answer, or the start of it.
    """
    return bool(_PAGE.match(text))


def refusal(answer: "Response") -> str:
    """Describe an answer that is not the API's.

    Args:
        answer: HTTP response of a server.

    Returns:
        `a web page`, or status and reason of an error; empty if it may be the API's answer.
    """
    if not answer.ok:
        return f"{answer.status_code} {answer.reason}"
    return "a web page" if is_web_page(answer.text) else ""


def _is_inside(host: str) -> bool:
    """Whether a host is this machine, in this cluster, or has a private address."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return bool(_CLUSTER_NAME.fullmatch(host) or (runs_in_pod() and _NAME_IN_POD.fullmatch(host)))
