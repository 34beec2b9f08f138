"""The files that Triton reads besides the model: config.pbtxt and labels.txt."""

from asl_pkg import contract
from asl_pkg.config.schema import ExportSettings

BACKEND = "onnxruntime"
# Parameters of config.pbtxt that tell people and clients something and change nothing in the server.
THRESHOLD_PARAMETER = "confidence_threshold"
INFORMATION_PARAMETERS = (THRESHOLD_PARAMETER,)


def labels() -> str:
    """labels.txt: one class per line, in the order of the output's columns."""
    return "\n".join(contract.CLASSES) + "\n"


def config_pbtxt(settings: ExportSettings, contract_version: int = contract.CONTRACT_VERSION) -> str:
    """config.pbtxt of the served model.

    Args:
        settings: Instances, threads and the confidence threshold.
        contract_version: One of contract.OUTPUTS, which has the model's outputs.

    Returns:
        The text, https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_configuration.html
    """
    px = contract.IMAGE_PX
    # No dynamic batching: on CPUs a batch takes as long as its images one by one, which wait in it for one another;
    # and with one instance Triton 2.51 pauses for half a second now and then (benchmarks/serving.py).
    outputs = ",\n".join(_output(name, contract_version) for name in contract.OUTPUTS[contract_version])
    return f"""name: "{contract.MODEL_NAME}"
backend: "{BACKEND}"
default_model_filename: "model.onnx"
max_batch_size: {contract.MAX_BATCH}
input [
  {{ name: "{contract.INPUT_NAME}" data_type: TYPE_UINT8 dims: [ {px}, {px}, 3 ] }}
]
output [
{outputs}
]
version_policy {{ specific {{ versions: [ 1 ] }} }}
instance_group [ {{ kind: KIND_CPU count: {settings.instances} }} ]
parameters {{ key: "intra_op_thread_count" value {{ string_value: "{settings.threads}" }} }}
parameters {{ key: "inter_op_thread_count" value {{ string_value: "1" }} }}
parameters {{ key: "{THRESHOLD_PARAMETER}" value {{ string_value: "{settings.confidence_threshold}" }} }}
model_warmup [
  {{
    name: "one black image"
    batch_size: 1
    inputs {{ key: "{contract.INPUT_NAME}" value {{ data_type: TYPE_UINT8 dims: [ {px}, {px}, 3 ] zero_data: true }} }}
  }}
]
"""


def _output(name: str, contract_version: int) -> str:
    dims = contract.V2_OUTPUTS[contract_version][name]
    labelled = '\n    label_filename: "labels.txt"' if name == contract.OUTPUT_NAME else ""
    reshaped = "\n    reshape { shape: [] }" if dims != contract.OUTPUTS[contract_version][name] else ""
    shape = ", ".join(map(str, dims))
    return f'  {{\n    name: "{name}" data_type: TYPE_FP32 dims: [ {shape} ]{labelled}{reshaped}\n  }}'
