"""Checks an ONNX file with onnx' own checker and strict shape inference. Prints one JSON object."""

import json
import sys

import onnx

model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, check_type=True, data_prop=True)
known = {value.name for value in [*inferred.graph.value_info, *inferred.graph.output]}


def shape(value):
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


print(
    json.dumps(
        {
            "opset": model.opset_import[0].version,
            "inputs": {value.name: shape(value) for value in model.graph.input},
            "outputs": {value.name: shape(value) for value in model.graph.output},
            "unknown": [name for node in model.graph.node for name in node.output if name not in known],
            "initializers": {t.name: list(t.dims) for t in model.graph.initializer},
            "transposes": sum(node.op_type == "Transpose" for node in model.graph.node),
        }
    )
)
