"""Writes a model, folded, as PyTorch's own exporter does (needs the packages onnx and onnxscript): MODEL BATCH SIZE FILE."""
import sys

import torch
from recnext import RecNext, fold

name, batch, size, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
torch.manual_seed(0)
model = fold(RecNext(name).eval())
torch.onnx.export(model, (torch.randn(batch, 3, size, size),), path, input_names=["images"], dynamo=True)
