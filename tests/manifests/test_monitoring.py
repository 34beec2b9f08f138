"""Alerts fire when they should, and a real Triton has the metrics that alerts and dashboard use."""

import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.inference.v2_client import Client
from asl_pkg.serving.ports import free_ports
from asl_pkg.serving.triton.local import LocalTriton
from tests.manifests.rendering import MANIFESTS
from tests.support.tiny import make_bundle

FOLDER = MANIFESTS / "components/monitoring"
RULES = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["spec"]
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
CASES = Path(__file__).parent / "alerts_test.yaml"
SCRAPE_S = 1


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The alerts as Prometheus reads them; promtool would compare the texts for people word by word."""
    bare = [{name: value for name, value in rule.items() if name != "annotations"} for rule in ALERTS]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "asl", "rules": bare}]}))
    return tmp_path


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (Debian: prometheus)")
def test_every_alert_fires_in_its_case_and_stays_silent_when_all_is_well(rules: Path) -> None:
    shutil.copy(CASES, rules)
    done = subprocess.run(
        ["promtool", "test", "rules", CASES.name], cwd=rules, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    fired = {
        test["alertname"]
        for case in yaml.safe_load(CASES.read_text())["tests"]
        for test in case["alert_rule_test"]
        if test["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in ALERTS}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that scrapes a Triton that answers: once started, its address."""
    folder = tmp_path_factory.mktemp("prometheus")
    bundle: Bundle = make_bundle(folder / "bundle")
    with LocalTriton(bundle, http_port=18300, grpc_port=18301, metrics_port=18302) as server:
        # the labels that the operator's PodMonitor gives
        target = {
            "targets": [urllib.parse.urlsplit(server.metrics_url).netloc],
            "labels": {"namespace": contract.NAMESPACE, "container": "kserve-container", "pod": "a"},
        }
        config = {
            "global": {"scrape_interval": f"{SCRAPE_S}s"},
            "scrape_configs": [{"job_name": "asl", "static_configs": [target]}],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        (port,) = free_ports("127.0.0.1", [19090])
        options = [
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        log = (folder / "log").open("wb")
        process = subprocess.Popen(["prometheus", *options], stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for_scrapes(url, server)
            yield url
        finally:
            process.terminate()
            process.wait()
            log.close()


def _wait_for_scrapes(url: str, server: LocalTriton) -> None:
    """Keep asking Triton until Prometheus has seen it answer in two scrapes."""
    client = Client(server.http_url)
    pixels = np.zeros((1, contract.IMAGE_PX, contract.IMAGE_PX, 3), np.uint8)
    deadline = time.monotonic() + 60
    while not query(url, f'rate(nv_inference_request_success{{model="{contract.MODEL_NAME}"}}[1m]) > 0'):
        assert time.monotonic() < deadline, "Prometheus does not scrape"
        client.predict(pixels)
        time.sleep(SCRAPE_S / 2)
    client.close()


def query(url: str, expression: str) -> list[Any]:
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}") as answer:
            found: list[Any] = json.load(answer)["data"]["result"]
    except OSError:  # it is not up yet
        return []
    return found


QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


@pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is not installed")
@pytest.mark.parametrize("expression", QUERIES)
def test_every_panel_of_the_dashboard_has_data(prometheus: str, expression: str) -> None:
    assert query(prometheus, expression)


# What an alert compares, without the comparison, whose whole point is to give nothing while all is well.
MEASURES = [
    'up{namespace="asl", container="kserve-container"}',
    *(part.strip() for rule in ALERTS if "nv_" in rule["expr"] for part in rule["expr"].split(">")),
]


@pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is not installed")
@pytest.mark.parametrize("expression", MEASURES)
def test_what_the_alerts_measure_is_there(prometheus: str, expression: str) -> None:
    assert query(prometheus, expression)


@pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is not installed")
def test_none_fires_on_a_server_that_answers(prometheus: str) -> None:
    assert not [rule["alert"] for rule in ALERTS if query(prometheus, rule["expr"])]
