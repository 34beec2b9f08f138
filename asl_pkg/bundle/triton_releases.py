"""The ONNX graphs that each release of Triton can load; an exported graph has to suit all of them.

Which ONNX Runtime a release is built on was read in Triton's sources (`build.py` at the release's tag). The versions
were executed: that ONNX Runtime, as PyPI has it, loaded a graph of both and refused the next of either. A test repeats
this for the one in .triton. NVIDIA's containers themselves were not run.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class TritonRelease:
    """A release of Triton and what its ONNX Runtime backend takes.

    Args:
        container: The tag of NVIDIA's image, without `-py3`.
        server: The version that the server answers with.
        onnxruntime: What its backend is built on; read in `build.py`.
        opset: The highest version of the standard operators; executed.
        ir_version: The highest version of the file format; executed.
    """

    container: str
    server: str
    onnxruntime: str
    opset: int
    ir_version: int


# The newest last. contract.OPSET and contract.IR_VERSION are the highest that all of them load.
RELEASES = (
    TritonRelease("24.10", "2.51.0", "1.19.2", opset=21, ir_version=10),  # the server of the wheel in .triton
    TritonRelease("26.06", "2.70.0", "1.24.4", opset=25, ir_version=13),
    TritonRelease("26.07", "2.71.0", "1.27.0", opset=26, ir_version=13),
)
