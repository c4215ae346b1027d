import { Uint8ArrayReader, ZipWriter } from '@zip.js/zip.js/lib/zip-core.js';
import { UserError } from '../../errors.js';
import type { HostTensor, StateDict, TensorType } from '../../models/state-dict.js';
import { crc32 } from '../read/crc32.js';
import { OP } from '../read/pickle/opcodes.js';
import { rowMajorStrides } from '../tensor-type.js';
import { tensorBytes } from './encoded.js';
import { PickleWriter } from './pickle-writer.js';
import { checkShape, storedType } from './safetensors.js';

export interface TorchOptions {
  /** Key to put the state dict under (`model`, as the reference publishes its weights); without it, it is the whole file. */
  under?: string;
}

/** Folder inside the archive: torch.load takes any name. */
const ROOT = 'archive';
/** torch.save aligns the data so that it can be mapped into memory. */
const ALIGNMENT = 64;
const LOCAL_HEADER = 30;
const EXTRA_HEADER = 4;
/** The extra field that PyTorch pads with ("FB"). */
const PADDING_ID = 0x4246;

const STORAGES: Readonly<Partial<Record<TensorType, string>>> = {
  float64: 'DoubleStorage',
  float32: 'FloatStorage',
  float16: 'HalfStorage',
  bfloat16: 'BFloat16Storage',
  int64: 'LongStorage',
  int32: 'IntStorage',
  int16: 'ShortStorage',
  int8: 'CharStorage',
  uint8: 'ByteStorage',
  bool: 'BoolStorage',
};

function pickleTensor(pickle: PickleWriter, name: string, key: string, tensor: HostTensor): void {
  const type = storedType(tensor);
  const storage = STORAGES[type];
  if (!storage)
    throw new UserError(`${name}: ${type} tensors cannot be written as .pth; write safetensors instead.`);
  pickle.global('torch._utils', '_rebuild_tensor_v2').op(OP.MARK);
  pickle.op(OP.MARK).text('storage').global('torch', storage).text(key).text('cpu').int(tensor.data.length);
  pickle.op(OP.TUPLE, OP.BINPERSID).int(0).ints(tensor.shape).ints(rowMajorStrides(tensor.shape));
  pickle.op(OP.NEWFALSE).orderedDict().op(OP.TUPLE, OP.REDUCE);
}

function pickleStateDict(tensors: StateDict, under: string | undefined): Uint8Array {
  const pickle = new PickleWriter();
  if (under !== undefined) pickle.op(OP.EMPTY_DICT).text(under);
  pickle.orderedDict().op(OP.MARK);
  let key = 0;
  for (const [name, tensor] of tensors) {
    checkShape(name, tensor);
    pickleTensor(pickle.text(name), name, String(key++), tensor);
  }
  pickle.op(OP.SETITEMS);
  if (under !== undefined) pickle.op(OP.SETITEM);
  return pickle.finish();
}

/** Adds stored entries one after another, each with its data on a multiple of 64 bytes. */
class AlignedArchive {
  private position = 0;

  constructor(private readonly zip: ZipWriter<unknown>) {}

  async add(name: string, bytes: Uint8Array): Promise<void> {
    const path = `${ROOT}/${name}`;
    const start = this.position + LOCAL_HEADER + path.length + EXTRA_HEADER;
    const padding = (ALIGNMENT - (start % ALIGNMENT)) % ALIGNMENT;
    this.position = start + padding + bytes.length;
    await this.zip.add(path, new Uint8ArrayReader(bytes), {
      // Passed through as it is, with its checksum known: no data descriptor, nothing buffered.
      passThrough: true,
      uncompressedSize: bytes.length,
      crc32: crc32(bytes),
      compressionMethod: 0,
      localExtraField: new Map([[PADDING_ID, new Uint8Array(padding).fill(0x5a)]]),
      extendedTimestamp: false,
      // The same tensors give the same bytes, whenever they are written.
      lastModDate: new Date(1980, 0, 1),
      useWebWorkers: false,
    });
  }
}

async function writeArchive(output: WritableStream, pickle: Uint8Array, tensors: StateDict): Promise<void> {
  const zip = new ZipWriter(output, { keepOrder: true });
  const archive = new AlignedArchive(zip);
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  await archive.add('data.pkl', pickle);
  await archive.add('.format_version', text('1'));
  await archive.add('.storage_alignment', text(String(ALIGNMENT)));
  await archive.add('byteorder', text('little'));
  let key = 0;
  for (const tensor of tensors.values()) await archive.add(`data/${key++}`, tensorBytes(tensor));
  await archive.add('version', text('3\n'));
  await zip.close();
}

/**
 * Tensors as torch.save writes a state dict (zip container, pickle protocol 2), for `torch.load(…, weights_only=True)`.
 * Every tensor gets a storage of its own, also where two share memory here.
 */
export function encodeTorch(
  tensors: StateDict,
  { under }: TorchOptions = {},
): { size: number; chunks: () => AsyncIterable<Uint8Array> } {
  const pickle = pickleStateDict(tensors, under);
  let size = pickle.length;
  for (const [, { data }] of tensors) size += data.byteLength + 2 * ALIGNMENT;
  return {
    size,
    async *chunks() {
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      const writing = writeArchive(writable, pickle, tensors);
      // Reported below, after what has been written before it; a reader that gives up makes it fail too.
      writing.catch(() => undefined);
      const reader = readable.getReader();
      try {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          yield value;
        }
      } finally {
        await reader.cancel().catch(() => undefined);
      }
      await writing;
    },
  };
}
