"""Makes the parquet files in test/fixtures/data as the library `datasets` writes them for the hub (pyarrow 26): python scripts/make-parquet-fixtures.py"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

OUT = Path(__file__).parent.parent / "test" / "fixtures" / "data"
CLASSES = ["cat", "dog", "bird"]


def table(rows, label_type=pa.int64(), classes=CLASSES, metadata=True):
    image = pa.array(
        [{"bytes": f"picture {i} ".encode() * 20, "path": f"{i}.JPEG"} for i in rows],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    label = pa.array([i % 3 for i in rows], label_type)
    features = {"image": {"_type": "Image"}, "label": {"names": classes, "_type": "ClassLabel"}}
    described = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.table({"image": image, "label": label}).replace_schema_metadata(described if metadata else None)


def write(name, content, **options):
    pq.write_table(content, OUT / name, **options)


OUT.mkdir(parents=True, exist_ok=True)
write("train-00000-of-00002.parquet", table(range(0, 12)), row_group_size=5, compression="snappy")
write("train-00001-of-00002.parquet", table(range(12, 17)), row_group_size=5, compression="snappy")
write("paged.parquet", table(range(12)), row_group_size=6, compression="zstd", write_page_index=True, data_page_size=300, write_batch_size=1)
write("plain.parquet", table(range(4), pa.int32(), metadata=False), compression="none")
unlabelled = table(range(4)).to_pydict()
unlabelled["label"] = [-1] * 4
write("test-00000-of-00001.parquet", pa.table(unlabelled, schema=table(range(4)).schema))
write("words.parquet", pa.table({"text": ["a"], "number": [1]}))
