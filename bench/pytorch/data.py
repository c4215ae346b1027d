"""The other side of bench/data.mjs: Pillow and timm's transforms, one thread. Reads `decode`, `eval` or `train` from stdin, a line each,
and answers with `> ` and the milliseconds of processor time a picture."""
import io
import sys
import time
from pathlib import Path

import PIL
import timm
import torch
from PIL import Image
from timm.data import create_transform

torch.set_num_threads(1)
folder, count = Path(sys.argv[1]), int(sys.argv[2])
files = [(folder / f"{i}.jpg").read_bytes() for i in range(count)]
common = dict(input_size=224, interpolation="bicubic")
transforms = {
    "decode": lambda image: image,
    "eval": create_transform(**common, crop_pct=0.875),
    "train": create_transform(
        **common, is_training=True, auto_augment="rand-m9-mstd0.5-inc1", re_prob=0.25, re_mode="pixel", re_count=1
    ),
}
print(f"> timm {timm.__version__}, Pillow {PIL.__version__}, torch {torch.__version__}", flush=True)
for line in sys.stdin:
    transform = transforms[line.strip()]
    start = time.process_time()
    for data in files:
        transform(Image.open(io.BytesIO(data)).convert("RGB"))
    print(f"> {(time.process_time() - start) * 1000 / count}", flush=True)
