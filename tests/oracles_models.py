"""Receptive intervals by brute force: gradients of models in float64, weights positive, maxima averages."""

import math

import pytest

torch = pytest.importorskip("torch", reason="gradients are torch's")
import torch.nn.functional as F  # noqa: E402, N812
from torch import nn  # noqa: E402


class Function(nn.Module):
    """A module of a function of a map."""

    def __init__(self, function, *parts):
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(parts)

    def forward(self, x):
        return self.function(x, *self.parts)


def positive(module, seed=0):
    """Make a module linear as far as it goes: positive random weights, averages for maxima, no rectifiers."""
    generator = torch.Generator().manual_seed(seed)
    for name, child in list(module.named_children()):
        setattr(module, name, replaced(child))
        positive(getattr(module, name), seed + 1)
    for weights in module.parameters(recurse=False):
        fan = max(1, math.prod(weights.shape[1:]))
        weights.data = (0.5 + torch.rand(weights.shape, generator=generator, dtype=torch.float64)) / fan
    return module.double().eval()


def replaced(module):
    """The stand-in of a layer whose derivative depends on its input."""
    pools = {nn.MaxPool1d: nn.AvgPool1d, nn.MaxPool2d: nn.AvgPool2d, nn.MaxPool3d: nn.AvgPool3d}
    if type(module) in pools and module.dilation in (1, (1, 1)):
        return pools[type(module)](module.kernel_size, module.stride, module.padding, module.ceil_mode)
    rectifiers = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU, nn.GELU, nn.Hardsigmoid, nn.LeakyReLU, nn.ELU)
    return nn.Identity() if isinstance(module, rectifiers) else module


def intervals(function, shape, unit, space=None):
    """(first, last) input position per spatial axis that has a gradient of an output unit, {axis: index}."""
    x = 1 + torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x.requires_grad_()
    y = function(x)
    for axis, index in sorted(unit.items(), reverse=True):
        y = y.select(axis, index)
    (y * torch.rand(y.shape, dtype=torch.float64)).sum().backward()
    space = range(2, len(shape)) if space is None else space
    found = []
    for axis in space:
        line = x.grad.abs().amax(dim=[i for i in range(x.ndim) if i != axis])
        seen = torch.nonzero(line).flatten().tolist()
        found.append((seen[0], seen[-1]) if seen else None)
    return found


class OnnxModel:
    """The operators of the light ONNX models in torch, weights positive and random: slow, and plain."""

    def __init__(self, model):
        import onnx

        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        self.nodes = [node for node in inferred.node if node.op_type != "ConstantOfShape"]
        self.shapes = {
            value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
            for value in [*inferred.value_info, *inferred.input]
        }
        self.small = {t.name: onnx.numpy_helper.to_array(t) for t in inferred.initializer}
        self.generator = torch.Generator().manual_seed(0)
        self.attributes = lambda node: {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}

    def run(self, x, name, output):
        """The value of a tensor for an input tensor of a name."""
        values = {name: x}
        for node in self.nodes:
            arguments = [values[i] if i in values else self.constant(i) for i in node.input]
            values[node.output[0]] = self.step(node.op_type, self.attributes(node), *arguments)
            if node.output[0] == output:
                return values[output]
        raise KeyError(output)

    def constant(self, name):
        """Reshapes keep their numbers, weights become positive and random."""
        if name in self.small and self.small[name].dtype.kind == "i":
            return self.small[name].tolist()
        shape = self.shapes[name]
        return (0.5 + torch.rand(shape, dtype=torch.float64, generator=self.generator)) / max(
            1, math.prod(shape[1:])
        )

    def step(self, kind, a, x, *rest):
        """One operator."""
        pads = a.get("pads", [0, 0, 0, 0])
        if kind == "Conv":
            x = F.pad(x, (pads[1], pads[3], pads[0], pads[2]))
            return F.conv2d(
                x, rest[0], None, a.get("strides", 1), 0, a.get("dilations", 1), a.get("group", 1)
            )
        if kind in ("MaxPool", "AveragePool"):
            x = F.pad(x, (pads[1], pads[3], pads[0], pads[2]))
            return F.avg_pool2d(x, a["kernel_shape"], a["strides"], ceil_mode=bool(a.get("ceil_mode", 0)))
        if kind in ("Relu", "Dropout", "LRN"):
            return x
        if kind == "BatchNormalization":
            return x * rest[0].reshape(-1, 1, 1) * 2
        if kind in ("Sum", "Add"):
            return x + rest[0]
        if kind == "Mul":
            return x * rest[0]
        if kind == "Unsqueeze":
            return x.reshape(-1, 1, 1)
        if kind == "Concat":
            return torch.cat([x, *rest], a["axis"])
        if kind == "Transpose":
            return x.permute(a["perm"])
        if kind == "Reshape":  # of shuffled channels, for a fixed size of map
            sides = rest[0]
            return x.reshape(*sides[:-2], *x.shape[-2:])
        raise NotImplementedError(kind)
