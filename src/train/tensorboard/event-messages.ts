import protobuf from 'protobufjs/light.js';

/** Values by bucket: bucket `i` counts those in (bucketLimit[i - 1], bucketLimit[i]]. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly num: number;
  readonly sum: number;
  readonly sumSquares: number;
  readonly bucketLimit: readonly number[];
  readonly bucket: readonly number[];
}

export interface EncodedImage {
  readonly height: number;
  readonly width: number;
  /** 3: RGB. */
  readonly colorspace: number;
  /** PNG. */
  readonly encodedImageString: Uint8Array;
}

/** One value of a summary; exactly one of the kinds is there. */
export interface SummaryValue {
  readonly tag: string;
  readonly simpleValue?: number;
  readonly histo?: Histogram;
  readonly image?: EncodedImage;
}

/** What a record of an event file holds: the part of TensorFlow's event.proto that is written here. */
export interface Event {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step?: number;
  readonly fileVersion?: string;
  readonly summary?: { readonly value: readonly SummaryValue[] };
  readonly sessionLog?: { readonly status: number };
}

/** SessionLog.START: what earlier files say of this step and later ones no longer counts. */
export const SESSION_START = 1;

/** Names, numbers and types of tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto. */
const EventMessage = protobuf.Root.fromJSON({
  nested: {
    Event: {
      oneofs: { what: { oneof: ['fileVersion', 'summary', 'sessionLog'] } },
      fields: {
        wallTime: { type: 'double', id: 1 },
        step: { type: 'int64', id: 2 },
        fileVersion: { type: 'string', id: 3 },
        summary: { type: 'Summary', id: 5 },
        sessionLog: { type: 'SessionLog', id: 7 },
      },
    },
    SessionLog: { fields: { status: { type: 'int32', id: 1 } } },
    Summary: { fields: { value: { rule: 'repeated', type: 'Value', id: 1 } } },
    Value: {
      oneofs: { value: { oneof: ['simpleValue', 'image', 'histo'] } },
      fields: {
        tag: { type: 'string', id: 1 },
        simpleValue: { type: 'float', id: 2 },
        image: { type: 'Image', id: 4 },
        histo: { type: 'HistogramProto', id: 5 },
      },
    },
    Image: {
      fields: {
        height: { type: 'int32', id: 1 },
        width: { type: 'int32', id: 2 },
        colorspace: { type: 'int32', id: 3 },
        encodedImageString: { type: 'bytes', id: 4 },
      },
    },
    HistogramProto: {
      fields: {
        min: { type: 'double', id: 1 },
        max: { type: 'double', id: 2 },
        num: { type: 'double', id: 3 },
        sum: { type: 'double', id: 4 },
        sumSquares: { type: 'double', id: 5 },
        bucketLimit: { rule: 'repeated', type: 'double', id: 6, options: { packed: true } },
        bucket: { rule: 'repeated', type: 'double', id: 7, options: { packed: true } },
      },
    },
  },
}).lookupType('Event');

export function encodeEvent(event: Event): Uint8Array {
  return EventMessage.encode(event as unknown as Record<string, unknown>).finish();
}
