"""Writes an ONNX classifier of PyTorch's kind (channels first, one image at a time): onnx_model.py FILE. Prints its logits for three images as JSON."""
import json
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

rng = np.random.default_rng(3)
images = rng.standard_normal((3, 3, 20, 24)).astype("float32")
filters = (rng.standard_normal((8, 3, 3, 3)) / 5).astype("float32")
weights = rng.standard_normal((5, 8)).astype("float32")
bias = rng.standard_normal(5).astype("float32")

nodes = [
    helper.make_node("Conv", ["input", "filters"], ["conv"], strides=[2, 2], pads=[1, 1, 1, 1]),
    helper.make_node("Relu", ["conv"], ["relu"]),
    helper.make_node("GlobalAveragePool", ["relu"], ["pool"]),
    helper.make_node("Flatten", ["pool"], ["flat"]),
    helper.make_node("Gemm", ["flat", "weights", "bias"], ["output"], transB=1),
]
graph = helper.make_graph(
    nodes,
    "classifier",
    [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 20, 24])],
    [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 5])],
    [numpy_helper.from_array(a, n) for a, n in ((filters, "filters"), (weights, "weights"), (bias, "bias"))],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, sys.argv[1])
run = ReferenceEvaluator(model)
logits = np.concatenate([run.run(None, {"input": image[None]})[0] for image in images])
print(json.dumps({"images": images.transpose(0, 2, 3, 1).ravel().tolist(), "logits": logits.ravel().tolist()}))
