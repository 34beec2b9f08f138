"""Servers on this machine and in the cluster are reached without a proxy, all others through it."""

import os
from urllib.request import getproxies, proxy_bypass

import pytest

from asl_pkg.network import is_web_page, reach_directly


@pytest.fixture(autouse=True)
def proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "10.96.0.1", "minio", "mlflow.mlflow.svc", "a.svc.cluster.local"]
)
def test_a_server_inside_is_asked_directly(host: str) -> None:
    assert "http" in getproxies()
    reach_directly(f"http://{host}:5000/health")
    assert proxy_bypass(host)


def test_the_short_name_of_a_service_is_inside_in_a_pod_only(monkeypatch: pytest.MonkeyPatch) -> None:
    reach_directly("http://mlflow.mlflow:5000")
    assert not proxy_bypass("mlflow.mlflow")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    reach_directly("http://mlflow.mlflow:5000")
    assert proxy_bypass("mlflow.mlflow")


def test_a_server_outside_stays_behind_the_proxy_and_what_the_user_excepts_stays_excepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", ".example.org")
    reach_directly("https://data.example.com/asl.zip")
    assert not proxy_bypass("data.example.com")
    assert proxy_bypass("www.example.org")
    reach_directly("https://data.example.com/asl.zip")
    assert os.environ["no_proxy"].count("127.0.0.1") == 1


def test_a_login_page_is_told_from_an_answer() -> None:
    assert is_web_page("\n<!DOCTYPE html><html>")
    assert is_web_page("<HTML lang='en'>")
    assert not is_web_page("OK")
    assert not is_web_page('{"multi_user": false}')
