import { ffi } from '../ffi.js';
import type { CApi, Pointer } from './c-api.js';
import { FULL_TRACE, RunMetadata, RunOptions } from './proto/config.js';

/** When one node of the graph ran, as the graph optimizer left it. */
export interface NodeTime {
  readonly node: string;
  /** TensorFlow's description: `stem/conv = _FusedConv2D(…)`. */
  readonly label: string;
  readonly device: string;
  readonly thread: number;
  /** Since the first node's start, in microseconds. */
  readonly start: number;
  /** In microseconds. */
  readonly duration: number;
}

/** What a run is told, and where it writes how it went. */
export interface Trace {
  readonly options: Pointer;
  readonly metadata: Pointer;
}

export function newTrace(api: CApi): Trace {
  const bytes = RunOptions.encode(RunOptions.create({ traceLevel: FULL_TRACE })).finish();
  return { options: api.NewBufferFromString(bytes, bytes.length), metadata: api.NewBuffer() };
}

export function deleteTrace(api: CApi, { options, metadata }: Trace): void {
  api.DeleteBuffer(options);
  api.DeleteBuffer(metadata);
}

interface Metadata {
  stepStats?: {
    devStats: {
      device: string;
      nodeStats: {
        nodeName: string;
        timelineLabel: string;
        threadId: number;
        allStartNanos: bigint | number | { toString(): string };
        opEndRelNanos: bigint | number | { toString(): string };
      }[];
    }[];
  };
}

/** The nodes' times, in the order of their start. */
export function readTrace({ metadata }: Trace): NodeTime[] {
  const { stepStats } = RunMetadata.decode(bufferBytes(metadata)) as unknown as Metadata;
  const nodes = (stepStats?.devStats ?? []).flatMap(({ device, nodeStats }) =>
    nodeStats.map((stats) => ({
      node: stats.nodeName,
      label: stats.timelineLabel,
      device,
      thread: stats.threadId,
      // Nanoseconds since 1970: too many for a number.
      nanos: BigInt(stats.allStartNanos.toString()),
      duration: Number(stats.opEndRelNanos.toString()) / 1000,
    })),
  );
  nodes.sort((a, b) => (a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0));
  const first = nodes[0]?.nanos ?? 0n;
  return nodes.map(({ nanos, ...node }) => ({ ...node, start: Number(nanos - first) / 1000 }));
}

/** A copy of what a TF_Buffer (a pointer and a length first) holds. */
function bufferBytes(buffer: Pointer): Uint8Array {
  const [data = 0n, length = 0n] = new BigUint64Array(ffi().view(buffer, 16));
  return data === 0n ? new Uint8Array(0) : new Uint8Array(ffi().view(data, Number(length))).slice();
}
