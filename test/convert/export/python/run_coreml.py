"""Loads a Core ML neural network with coremltools and computes it layer by layer in numpy, as Apple documents each layer (NeuralNetwork.proto).

usage: run_coreml.py MODEL IMAGE SHAPE; IMAGE: float32 pixels [1, c, h, w], row-major. Prints one JSON object.
"""

import json
import logging
import math
import sys

import numpy as np

logging.disable(logging.WARNING)
import coremltools as ct

model_path, image_path, shape = sys.argv[1:]
spec = ct.models.utils.load_spec(model_path)
# coremltools' own wrapper: reads the description and refuses models that it does not understand.
ct.models.MLModel(spec, skip_model_load=True)
kind = spec.WhichOneof("Type")
network = getattr(spec, kind)


def weights(params, shape):
    if len(params.float16Value):
        values = np.frombuffer(params.float16Value, np.float16).astype(np.float32)
    else:
        values = np.array(params.floatValue, np.float32)
    assert values.size == np.prod(shape), (values.size, shape)
    return values.reshape(shape).astype(np.float64)


def convolution(p, x):
    groups, height, width = p.nGroups, *p.kernelSize
    w = weights(p.weights, (groups, p.outputChannels // groups, p.kernelChannels, height, width))
    borders = [(b.startEdgeSize, b.endEdgeSize) for b in p.valid.paddingAmounts.borderAmounts]
    x = np.pad(x, [(0, 0), (0, 0), *borders])
    n, channels, rows, columns = x.shape
    assert channels == p.kernelChannels * groups
    sy, sx = p.stride
    oh, ow = (rows - height) // sy + 1, (columns - width) // sx + 1
    x = x.reshape(n, groups, p.kernelChannels, rows, columns)
    y = 0
    for i in range(height):
        for j in range(width):
            taps = x[:, :, :, i : i + sy * (oh - 1) + 1 : sy, j : j + sx * (ow - 1) + 1 : sx]
            y = y + np.einsum("ngchw,goc->ngohw", taps, w[..., i, j])
    y = y.reshape(n, p.outputChannels, oh, ow)
    return y + weights(p.bias, (1, p.outputChannels, 1, 1)) if p.hasBias else y


def upsample(p, x):
    factors = list(p.scalingFactor) or list(p.fractionalScalingFactor)
    for axis, factor in zip((2, 3), factors):
        size = x.shape[axis]
        out = int(math.floor(np.float32(size) * np.float32(factor)))
        if p.mode == p.NN:
            x = np.repeat(x, int(factor), axis)
            continue
        assert p.linearUpsampleMode == p.ALIGN_CORNERS_FALSE
        spacing = size / out
        at = np.clip(np.arange(out) * spacing + 0.5 * spacing - 0.5, 0, size - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, size - 1)
        part = (at - low).reshape([-1 if a == axis else 1 for a in range(4)])
        x = np.take(x, low, axis) * (1 - part) + np.take(x, high, axis) * part
    return x


def activation(p, x):
    name = p.WhichOneof("NonlinearityType")
    if name == "ELU":
        return np.where(x > 0, x, p.ELU.alpha * np.expm1(np.minimum(x, 0)))
    if name == "ReLU":
        return np.maximum(x, 0)
    assert name == "sigmoid", name
    return 1 / (1 + np.exp(-x))


erf = np.vectorize(math.erf, otypes=[np.float64])


def gelu(p, x):
    assert p.mode == p.EXACT
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def slice_static(p, x):
    assert not any(p.beginMasks) and not any(p.endMasks) and len(p.beginIds) == x.ndim
    return x[tuple(slice(b, e, s) for b, e, s in zip(p.beginIds, p.endIds, p.strides))]


def softmax(p, x):
    e = np.exp(x - x.max(p.axis, keepdims=True))
    return e / e.sum(p.axis, keepdims=True)


def matmul(p, a, b):
    return (a.swapaxes(-1, -2) if p.transposeA else a) @ (b.swapaxes(-1, -2) if p.transposeB else b)


LAYERS = {
    "convolution": convolution,
    "upsample": upsample,
    "activation": activation,
    "gelu": gelu,
    "addBroadcastable": lambda p, a, b: a + b,
    "subtractBroadcastable": lambda p, a, b: a - b,
    "multiplyBroadcastable": lambda p, a, b: a * b,
    "divideBroadcastable": lambda p, a, b: a / b,
    "softmaxND": softmax,
    "concatND": lambda p, *xs: np.concatenate(xs, p.axis),
    "transpose": lambda p, x: x.transpose(list(p.axes)),
    "sliceStatic": slice_static,
    "batchedMatmul": matmul,
    "loadConstantND": lambda p: weights(p.data, list(p.shape)),
    "reshapeStatic": lambda p, x: x.reshape(list(p.targetShape)),
    "reduceSum": lambda p, x: x.sum(tuple(p.axes), keepdims=p.keepDims),
    "reduceMean": lambda p, x: x.mean(tuple(p.axes), keepdims=p.keepDims),
}

(feature,) = spec.description.input
tensors = {feature.name: np.fromfile(image_path, np.float32).reshape(json.loads(shape)).astype(np.float64)}
for layer in network.layers:
    name = layer.WhichOneof("layer")
    tensors[layer.output[0]] = LAYERS[name](getattr(layer, name), *[tensors[i] for i in layer.input])

outputs = [output.name for output in spec.description.output]
result = network.labelProbabilityLayerName if kind == "neuralNetworkClassifier" else outputs[0]
print(
    json.dumps(
        {
            "kind": kind,
            "version": spec.specificationVersion,
            "input": [feature.name, feature.type.WhichOneof("Type")],
            "outputs": outputs,
            "classes": list(network.stringClassLabels.vector) if kind == "neuralNetworkClassifier" else [],
            "values": tensors[result].ravel().tolist(),
        }
    )
)
