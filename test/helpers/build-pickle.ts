import { OP } from '../../src/convert/read/pickle/opcodes.js';
import { PickleWriter } from '../../src/convert/write/pickle-writer.js';
import { buildZip, type BuildEntry, type BuildOptions } from './build-zip.js';

export { OP, PickleWriter };

/** What a tensor of a hand-made checkpoint says about itself; the honest default is 6 float32 values of shape [2, 3]. */
export interface BuildTensor {
  key?: string;
  storage?: string;
  count?: number;
  offset?: number;
  shape?: number[];
  strides?: number[];
}

/** Writes a tensor as torch.save does, with whatever it claims. */
export function writeTensor(pickle: PickleWriter, tensor: BuildTensor = {}): PickleWriter {
  const {
    key = '0',
    storage = 'FloatStorage',
    count = 6,
    offset = 0,
    shape = [2, 3],
    strides = [3, 1],
  } = tensor;
  pickle.global('torch._utils', '_rebuild_tensor_v2').op(OP.MARK);
  pickle.op(OP.MARK).text('storage').global('torch', storage).text(key).text('cpu').int(count);
  pickle.op(OP.TUPLE, OP.BINPERSID).int(offset).ints(shape);
  // Strides may be negative, which PickleWriter does not write.
  pickle.op(OP.MARK);
  for (const stride of strides) {
    if (stride >= 0) pickle.int(stride);
    else pickle.op(OP.BININT, ...new Uint8Array(new Int32Array([stride]).buffer));
  }
  return pickle.op(OP.TUPLE, OP.NEWFALSE).orderedDict().op(OP.TUPLE, OP.REDUCE);
}

/** A pickled dict with the entries that `body` writes as keys and values. */
export function pickleDict(body: (pickle: PickleWriter) => void): Uint8Array {
  const pickle = new PickleWriter().op(OP.EMPTY_DICT, OP.MARK);
  body(pickle);
  return pickle.op(OP.SETITEMS).finish();
}

/** The values 0 … n-1 as float32 bytes. */
export const floats = (n: number): Uint8Array =>
  new Uint8Array(Float32Array.from({ length: n }, (_, i) => i).buffer);

/** A torch.save archive around a pickle; storage "0" holds six floats unless other entries are given. */
export function torchZip(
  pickle: Uint8Array,
  storages: readonly BuildEntry[] = [{ name: 'x/data/0', data: floats(6) }],
  options: BuildOptions = {},
): Uint8Array {
  return buildZip(
    [{ name: 'x/data.pkl', data: pickle }, ...storages, { name: 'x/version', data: '3\n' }],
    options,
  );
}
