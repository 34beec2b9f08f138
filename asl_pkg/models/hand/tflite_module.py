"""A TensorFlow Lite network as a torch module with frozen weights.

It knows the operators of MediaPipe's palm detector and hand landmark network, whose weights are stored in float16.
The file format: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tflite
import torch
from numpy.typing import NDArray
from tflite import ActivationFunctionType, BuiltinOperator, Padding, TensorType
from torch import nn
from torch.nn import functional

DTYPES = {TensorType.FLOAT16: np.float16, TensorType.FLOAT32: np.float32, TensorType.INT32: np.int32}
ACTIVATIONS = {
    ActivationFunctionType.NONE: nn.Identity,
    ActivationFunctionType.RELU: nn.ReLU,
    ActivationFunctionType.RELU6: nn.ReLU6,
}
HEIGHT_WIDTH_CHANNELS = (2, 3, 1)  # where an image tensor of torch has the axes 1, 2, 3 of the file


class Step(NamedTuple):
    """One operator of the network."""

    function: Callable[..., torch.Tensor]
    inputs: list[int]
    output: int


class TfliteModule(nn.Module):
    """A network as its file describes it; no optimizer changes its weights.

    Args:
        data: Contents of the .tflite file.
        outputs: Indices of the tensors to return; by default the file's outputs, in its order.

    Raises:
        KeyError: The file has an operator or a type that is not supported.
    """

    def __init__(self, data: bytes, outputs: Sequence[int] = ()) -> None:
        super().__init__()
        file = _File(data)
        self.input = file.input
        self.outputs = list(outputs) or file.outputs
        self.steps = [step for operation in file.operations() if (step := file.step(operation))]
        for step in self.steps:
            if isinstance(step.function, nn.Module):
                self.add_module(str(step.output), step.function)
        self.requires_grad_(False)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Compute the outputs.

        Args:
            images: float [n, 3, height, width], in 0..1.

        Returns:
            Each output, float [n, …], as the file orders its values.
        """
        values = {self.input: images}
        for function, inputs, output in self.steps:
            values[output] = function(*(values[index] for index in inputs))
        return tuple(values[index] for index in self.outputs)


class _File:
    """The first graph of a .tflite file."""

    def __init__(self, data: bytes) -> None:
        self.model = tflite.Model.GetRootAs(data, 0)
        self.graph = self.model.Subgraphs(0)
        self.input = int(self.graph.Inputs(0))
        self.outputs: list[int] = self.graph.OutputsAsNumpy().tolist()
        self.dequantized: dict[int, int] = {}  # where each weight in float32 comes from

    def operations(self) -> list[Any]:
        return [self.graph.Operators(number) for number in range(self.graph.OperatorsLength())]

    def step(self, operation: Any) -> Step | None:
        """Translate an operator; None if it only widens a weight."""
        code = self.model.OperatorCodes(operation.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())  # old files have the latter alone
        inputs, output = operation.InputsAsNumpy().tolist(), int(operation.Outputs(0))
        if kind == BuiltinOperator.DEQUANTIZE:
            self.dequantized[output] = inputs[0]
            return None
        function = BUILDERS[kind](self, operation, inputs)
        return Step(function, [index for index in inputs if not self._is_constant(index)], output)

    def constant(self, index: int) -> NDArray[Any]:
        tensor = self.graph.Tensors(self.dequantized.get(index, index))
        values = self.model.Buffers(tensor.Buffer()).DataAsNumpy().view(DTYPES[tensor.Type()])
        return values.reshape(tensor.ShapeAsNumpy())

    def weight(self, index: int, *order: int) -> nn.Parameter:
        """A constant in float32, its axes in another order."""
        values = self.constant(index).astype(np.float32)
        return nn.Parameter(torch.from_numpy(values.transpose(order).copy() if order else values), requires_grad=False)

    def side(self, index: int) -> int:
        """Height of a tensor; the networks are square."""
        return int(self.graph.Tensors(index).ShapeAsNumpy()[1])

    def _is_constant(self, index: int) -> bool:
        buffer = self.graph.Tensors(index).Buffer()
        return index in self.dequantized or self.model.Buffers(buffer).DataLength() > 0


def _options(kind: type, operation: Any) -> Any:
    options, table = kind(), operation.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    return options


def _convolution(file: _File, operation: Any, inputs: list[int]) -> nn.Module:
    weight = file.weight(inputs[1], 0, 3, 1, 2)
    return _convolve(file, _options(tflite.Conv2DOptions, operation), inputs, weight, groups=1)


def _depthwise(file: _File, operation: Any, inputs: list[int]) -> nn.Module:
    weight = file.weight(inputs[1], 3, 0, 1, 2)
    return _convolve(file, _options(tflite.DepthwiseConv2DOptions, operation), inputs, weight, groups=len(weight))


def _convolve(file: _File, options: Any, inputs: list[int], weight: nn.Parameter, groups: int) -> nn.Module:
    kernel, stride = weight.shape[-1], options.StrideH()
    before, after = _padding(options.Padding(), file.side(inputs[0]), kernel, stride)
    same = before == after  # else padding is an operator of its own
    layer = nn.Conv2d(
        weight.shape[1] * groups, len(weight), kernel, stride, padding=before if same else 0, groups=groups
    )
    layer.weight, layer.bias = weight, file.weight(inputs[2])
    activation = ACTIVATIONS[options.FusedActivationFunction()]()
    return nn.Sequential(*([] if same else [nn.ZeroPad2d((before, after) * 2)]), layer, activation)


def _padding(kind: int, side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after each axis: SAME puts the odd one after, https://www.tensorflow.org/api_docs/python/tf/nn."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0) if kind == Padding.SAME else 0
    return total // 2, total - total // 2


def _prelu(file: _File, operation: Any, inputs: list[int]) -> nn.Module:
    layer = nn.PReLU()
    layer.weight = nn.Parameter(file.weight(inputs[1]).flatten(), requires_grad=False)
    return layer


def _max_pool(file: _File, operation: Any, inputs: list[int]) -> nn.Module:
    options = _options(tflite.Pool2DOptions, operation)
    return nn.MaxPool2d(options.FilterHeight(), options.StrideH())


def _pad(file: _File, operation: Any, inputs: list[int]) -> Callable[..., torch.Tensor]:
    zeros = (
        file.constant(inputs[1])[[2, 1, 3]].ravel().tolist()
    )  # torch wants the last axis first: width, height, channels
    return lambda images: functional.pad(images, zeros)


def _resize(file: _File, operation: Any, inputs: list[int]) -> Callable[..., torch.Tensor]:
    size = file.constant(inputs[1]).tolist()
    return lambda images: functional.interpolate(images, size, mode="bilinear", align_corners=False)


def _reshape(file: _File, operation: Any, inputs: list[int]) -> Callable[..., torch.Tensor]:
    values = int(file.constant(inputs[1])[-1])
    return lambda images: images.permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, values))


def _linear(file: _File, operation: Any, inputs: list[int]) -> nn.Module:
    weight = file.weight(inputs[1])
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight, layer.bias = weight, file.weight(inputs[2])
    return layer


BUILDERS: dict[int, Callable[[_File, Any, list[int]], Callable[..., torch.Tensor]]] = {
    BuiltinOperator.CONV_2D: _convolution,
    BuiltinOperator.DEPTHWISE_CONV_2D: _depthwise,
    BuiltinOperator.PRELU: _prelu,
    BuiltinOperator.ADD: lambda *_: operator.add,
    BuiltinOperator.MAX_POOL_2D: _max_pool,
    BuiltinOperator.PAD: _pad,
    BuiltinOperator.RESIZE_BILINEAR: _resize,
    BuiltinOperator.RESHAPE: _reshape,
    BuiltinOperator.CONCATENATION: lambda *_: lambda *parts: torch.cat(parts, dim=1),
    BuiltinOperator.MEAN: lambda *_: lambda images: images.mean(dim=(2, 3)),
    BuiltinOperator.FULLY_CONNECTED: _linear,
    BuiltinOperator.LOGISTIC: lambda *_: torch.sigmoid,
}
