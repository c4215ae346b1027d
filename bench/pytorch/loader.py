"""The other side of bench/loader.mjs: a PyTorch DataLoader with Pillow and timm's transforms (Pillow below 13: with 13, timm's
Posterize at full strength fails). For each `eval 2` or `train 2` (number of workers) on stdin,
the images per second of one epoch and the milliseconds of processor time an image."""
import multiprocessing
import os
import sys
import time
from pathlib import Path

import PIL
import timm
import torch
from PIL import Image
from timm.data import create_transform

FILES, BATCH = 64, 64
folder, images = Path(sys.argv[1]), int(sys.argv[2])
common = dict(input_size=224, interpolation="bicubic")
transforms = {
    "eval": create_transform(**common, crop_pct=0.875),
    "train": create_transform(
        **common, is_training=True, auto_augment="rand-m9-mstd0.5-inc1", re_prob=0.25, re_mode="pixel", re_count=1
    ),
}


class Pictures(torch.utils.data.Dataset):
    def __init__(self, transform):
        self.transform = transform

    def __len__(self):
        return images

    def __getitem__(self, index):
        with open(folder / f"{index % FILES}.jpg", "rb") as file:
            return self.transform(Image.open(file).convert("RGB")), index % 1000


def processor_seconds():
    """Of this process and its workers. Workers' are known on Linux only."""
    total = time.process_time()
    for child in multiprocessing.active_children():
        try:
            fields = Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def main():
    loaders = {}
    print(f"> timm {timm.__version__}, Pillow {PIL.__version__}, torch {torch.__version__}", flush=True)
    for line in sys.stdin:
        kind, workers = line.split()
        key = (kind, int(workers))
        if key not in loaders:
            loaders[key] = torch.utils.data.DataLoader(
                Pictures(transforms[kind]), BATCH, num_workers=key[1], persistent_workers=key[1] > 0
            )
        before, start = processor_seconds(), time.perf_counter()
        for _ in loaders[key]:
            pass
        seconds = time.perf_counter() - start
        cost = (processor_seconds() - before) * 1000 / images
        print(f"> {images / seconds} {cost}", flush=True)


if __name__ == "__main__":
    main()
