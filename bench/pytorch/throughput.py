"""
Times PyTorch on request, so that runs can be interleaved with ours: reads lines from stdin, answers each with a line of JSON.

    infer|train MODEL BATCH SIZE channels_last|default float32|bfloat16
"""
import json
import sys
import time

import torch
from recnext import RecNext, fold

torch.manual_seed(0)
prepared = {}


def inputs(batch, size, layout):
    images = torch.randn(batch, 3, size, size)
    return images.to(memory_format=torch.channels_last) if layout == "channels_last" else images


def prepare(mode, name, batch, size, layout, dtype):
    model = RecNext(name)
    if layout == "channels_last":
        model = model.to(memory_format=torch.channels_last)
    images = inputs(batch, size, layout)
    cast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bfloat16")
    if mode == "infer":
        model = fold(model.eval())

        def run():
            with torch.inference_mode(), cast:
                model(images)

        return run
    targets = torch.full((batch, 1000), 1e-4)
    targets[torch.arange(batch), torch.arange(batch) * 37 % 1000] = 0.9
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.025)
    average = {key: value.detach().clone() for key, value in model.state_dict().items()}

    def run():
        model.train()
        with cast:
            logits, dist = model(images)
            loss = (-targets * logits.log_softmax(-1)).sum(-1).mean() * 0.5
            loss = loss + 0.5 * torch.nn.functional.cross_entropy(dist, targets.argmax(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clip(model)
        optimizer.step()
        with torch.no_grad():
            for key, value in model.state_dict().items():
                if value.is_floating_point():
                    average[key].lerp_(value, 1e-4)
        return float(loss)

    return run


def clip(model, factor=0.02):
    """timm's adaptive gradient clipping."""
    for p in model.parameters():
        if p.grad is None:
            continue
        dims = tuple(range(1, p.dim())) if p.dim() > 1 else None
        largest = torch.linalg.vector_norm(p.detach(), dim=dims, keepdim=True).clamp(min=1e-3) * factor
        actual = torch.linalg.vector_norm(p.grad, dim=dims, keepdim=True)
        p.grad.copy_(torch.where(actual < largest, p.grad, p.grad * (largest / actual.clamp(min=1e-6))))


for line in sys.stdin:
    key = tuple(line.split())
    mode, name, batch, size, layout, dtype = key
    if key not in prepared:
        prepared[key] = prepare(mode, name, int(batch), int(size), layout, dtype)
        prepared[key]()
    start, cpu = time.perf_counter(), time.process_time()
    prepared[key]()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpuSeconds": cpu, "version": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
