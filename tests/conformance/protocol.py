"""The answers of the Open Inference Protocol over HTTP, as its specification types them, for jsonschema.

Source: the schemas of open_inference_rest.yaml, github.com/kserve/open-inference-protocol, specification/protocol. A
field may be missing where it is not required; none may be null.
"""

from typing import Any

import jsonschema

TEXT = {"type": "string"}
SHAPE = {"type": "array", "items": {"type": "integer"}}
OBJECT = {"type": "object"}


def _object(required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required.split()}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


TENSOR = _object("name datatype shape", name=TEXT, datatype=TEXT, shape=SHAPE)
DATA = _list({"type": ["array", "number", "string", "boolean"]})
OUTPUT = _object("name shape datatype data", name=TEXT, shape=SHAPE, datatype=TEXT, parameters=OBJECT, data=DATA)
SERVER = _object("name version extensions", name=TEXT, version=TEXT, extensions=_list(TEXT))
MODEL = _object(
    "name platform",
    name=TEXT, versions=_list(TEXT), platform=TEXT, inputs=_list(TENSOR), outputs=_list(TENSOR), properties=OBJECT,
)  # fmt: skip
INFERENCE = _object(
    "model_name outputs", model_name=TEXT, model_version=TEXT, id=TEXT, parameters=OBJECT, outputs=_list(OUTPUT)
)
ERROR = _object("error", error=TEXT)


def require(answer: Any, schema: dict[str, Any]) -> None:
    """Check an answer against one of the schemas."""
    jsonschema.validate(answer, schema)
