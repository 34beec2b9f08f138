"""kind-config.yaml as kind's own parser reads it, and as the manifests expect it."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from asl_pkg import contract
from asl_pkg.deployment.transformer_spec import transformer_spec
from tests.conftest import PROJECT
from tests.manifests.rendering import MANIFESTS

CONFIG = PROJECT / "kind-config.yaml"
KIND = "sigs.k8s.io/kind@v0.30.0"  # whose node image it is
PARSER = """package main
import ("fmt"; "os"; "sigs.k8s.io/kind/pkg/internal/apis/config/encoding")
func main() {
    config, err := encoding.Load(os.Args[1])
    if err == nil { err = config.Validate() }
    if err != nil { fmt.Println(err); os.Exit(1) }
    fmt.Println(config.Name, len(config.Nodes), config.Nodes[0].Image)
}
"""


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    return read


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("go"), reason="Go is not installed: it builds kind's parser")
def test_kinds_own_parser_takes_it_and_refuses_one_that_is_wrong(tmp_path: Path, config: dict[str, Any]) -> None:
    found = subprocess.run(["go", "mod", "download", "-json", KIND], capture_output=True, text=True, cwd=tmp_path)
    source = tmp_path / "kind"
    shutil.copytree(json.loads(found.stdout)["Dir"], source)  # inside its module, since the parser is internal to it
    for path in (source, source / "pkg"):
        path.chmod(0o755)
    (source / "pkg/parse").mkdir()
    (source / "pkg/parse/main.go").write_text(PARSER)

    def parse(path: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["go", "run", "./pkg/parse", str(path)], cwd=source, capture_output=True, text=True, timeout=500
        )

    done = parse(CONFIG)
    assert done.stdout.split() == [config["name"], "1", config["nodes"][0]["image"]], done.stderr
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(CONFIG.read_text().replace("extraPortMappings", "extraPorts"))
    assert parse(wrong).returncode != 0


def test_the_nodes_image_is_pinned_by_digest(config: dict[str, Any]) -> None:
    assert all(
        re.fullmatch(r"kindest/node:v1\.\d+\.\d+@sha256:[0-9a-f]{64}", node["image"]) for node in config["nodes"]
    )


def test_the_page_has_the_same_address_as_on_one_machine(config: dict[str, Any]) -> None:
    services = list(yaml.safe_load_all((MANIFESTS / "components/node-port/service.yaml").read_text()))
    (page,) = [service["spec"] for service in services if service["spec"]["selector"]["component"] == "transformer"]
    mappings = {port["containerPort"]: port["hostPort"] for port in config["nodes"][0]["extraPortMappings"]}
    assert mappings[page["ports"][0]["nodePort"]] == contract.PAGE_PORT
    (container,) = transformer_spec("", "")["containers"]
    assert page["ports"][0]["targetPort"] in [port["name"] for port in container["ports"]]
    assert page["selector"]["serving.kserve.io/inferenceservice"] == contract.KUBERNETES_NAME


def test_every_port_of_the_users_machine_leads_to_a_node_port_of_ours(config: dict[str, Any]) -> None:
    mapped = {mapping["containerPort"] for mapping in config["nodes"][0]["extraPortMappings"]}
    files = [path.read_text() for path in MANIFESTS.rglob("*.yaml")]
    offered = {int(port) for text in files for port in re.findall(r"nodePort: (\d+)", text)}
    assert mapped == offered
    assert all(mapping["listenAddress"] == "127.0.0.1" for mapping in config["nodes"][0]["extraPortMappings"])
