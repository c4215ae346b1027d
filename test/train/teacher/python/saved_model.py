"""Writes SavedModels with variables, as TensorFlow's and Keras' users do: saved_model.py FOLDER. Prints their logits for one batch as JSON."""
import json
import sys

import numpy as np
import tensorflow as tf

folder = sys.argv[1]
rng = np.random.default_rng(7)
images = rng.standard_normal((3, 32, 32, 3)).astype("float32")


class Classifier(tf.Module):
    def __init__(self):
        self.filters = tf.Variable(rng.standard_normal((3, 3, 3, 8)).astype("float32") / 5, name="filters")
        self.weights = tf.Variable(rng.standard_normal((8, 4)).astype("float32"), name="weights")

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name="images")])
    def serve(self, images):
        features = tf.nn.relu(tf.nn.conv2d(images, self.filters, 2, "SAME"))
        pooled = tf.reduce_mean(features, [1, 2])
        return {"features": pooled, "logits": pooled @ self.weights}


model = Classifier()
tf.saved_model.save(model, f"{folder}/module", signatures=model.serve)

keras = tf.keras.Sequential(
    [
        tf.keras.Input((24, 24, 3)),
        tf.keras.layers.Conv2D(6, 3, activation="relu"),
        tf.keras.layers.BatchNormalization(),
        tf.keras.layers.GlobalAveragePooling2D(),
        tf.keras.layers.Dense(4, activation="softmax"),
    ]
)
keras.export(f"{folder}/keras", verbose=False)
small = images[:, :24, :24].copy()
print(
    json.dumps(
        {
            "images": images.ravel().tolist(),
            "module": model.serve(images)["logits"].numpy().ravel().tolist(),
            "small": small.ravel().tolist(),
            "keras": keras(small).numpy().ravel().tolist(),
        }
    )
)
