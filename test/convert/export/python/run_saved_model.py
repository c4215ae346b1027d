"""Loads a SavedModel in TensorFlow and runs its serving_default. usage: run_saved_model.py FOLDER IMAGES SHAPE. Prints one JSON object."""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf

folder, images, shape = sys.argv[1:]
model = tf.saved_model.load(folder)
serve = model.signatures["serving_default"]
x = np.fromfile(images, np.float32).reshape(json.loads(shape))
result = serve(images=tf.constant(x))
print(json.dumps({"outputs": list(result), "values": result["logits"].numpy().ravel().tolist()}))
