"""A canary is compared with the serving release on the same requests, and refused with a reason."""

import dataclasses

import numpy as np
import pytest

from asl_pkg.deployment.canary_analysis import CanaryComparison, compare_canary, require_good_canary
from asl_pkg.errors import ServingError
from asl_pkg.serving.triton.local import LocalTriton
from tests.support.exported import CLASSES, Exported, image

GOOD = CanaryComparison(1000, 0.97, (0, 0), (20.0, 22.0))


def test_two_servers_of_one_model_agree_on_everything(exported: Exported) -> None:
    from asl_pkg.bundle.bundle import open_bundle

    pixels = np.stack([image(label, 0) for label in range(CLASSES)])
    with LocalTriton(open_bundle(exported.bundle)) as server:
        found = compare_canary([server.http_url], [server.http_url, server.grpc_url], pixels, 60, seed=1)
        nobody = compare_canary([server.http_url], ["http://127.0.0.1:9"], pixels, 2, seed=1)
    assert (found.requests, found.agreement, found.errors) == (60, 1.0, (0, 0))
    assert 0 < found.latency_ms[0] < 1000
    assert (nobody.agreement, nobody.errors) == (0.0, (0, 2))


def test_a_canary_that_is_as_good_is_let_pass() -> None:
    require_good_canary(GOOD, agreement_min=0.9, slowdown_max=2.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"errors": (0, 1)}, "it failed more often"),
        ({"agreement": 0.89}, "canary_agreement_min=0.9"),
        ({"latency_ms": (20.0, 41.0)}, "canary_slowdown_max=2.0"),
    ],
    ids=["errors", "agreement", "latency"],
)
def test_a_canary_that_is_worse_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ServingError, match=f"{said}; 1,000 paired requests"):
        require_good_canary(dataclasses.replace(GOOD, **change), agreement_min=0.9, slowdown_max=2.0)
