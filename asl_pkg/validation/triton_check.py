"""Whether a real Triton loads the bundle and answers the golden set as ONNX Runtime does."""

from asl_pkg.bundle.bundle import Bundle
from asl_pkg.errors import ServingError
from asl_pkg.inference.v2_client import Client
from asl_pkg.serving.triton.local import LocalTriton
from asl_pkg.validation.gates import GateInput
from asl_pkg.validation.golden import GoldenSet, check_golden_set


def ask_triton(bundle: Bundle, golden: GoldenSet) -> GateInput:
    """Start a Triton on the bundle, send it the golden set, and stop it.

    Args:
        bundle: Verified bundle.
        golden: Images and ONNX Runtime's answers.

    Returns:
        Number of images with another answer; if it does not start or answer, not measured, with the reason.
    """
    try:
        with LocalTriton(bundle) as server:
            client = Client(server.http_url)
            try:
                answers = client.predict(golden.pixels)
            finally:
                client.close()
            return GateInput(check_golden_set(golden, answers).otherwise, f"ready in {server.ready_s:.1f} s")
    except ServingError as error:
        return GateInput(None, str(error))
