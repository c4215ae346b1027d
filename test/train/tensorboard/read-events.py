"""What TensorBoard itself reads from a folder of event files, as JSON: python read-events.py FOLDER."""
import base64
import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

accumulator = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "histograms": 0, "images": 0})
accumulator.Reload()
tags = accumulator.Tags()
histogram = lambda h: {key: getattr(h, key) for key in ("min", "max", "num", "sum", "sum_squares")} | {
    "bucket_limit": list(h.bucket_limit),
    "bucket": list(h.bucket),
}
json.dump(
    {
        "scalars": {t: [[e.step, e.value] for e in accumulator.Scalars(t)] for t in tags["scalars"]},
        "histograms": {
            t: [[e.step, histogram(e.histogram_value)] for e in accumulator.Histograms(t)]
            for t in tags["histograms"]
        },
        "images": {
            t: [
                [e.step, e.height, e.width, base64.b64encode(e.encoded_image_string).decode()]
                for e in accumulator.Images(t)
            ]
            for t in tags["images"]
        },
    },
    sys.stdout,
)
