import { UserError } from '../errors.js';
import { sizeOf } from '../layers/spec/module-spec.js';
import { numbers } from './weight-check.js';
import type { HostTensor, StateDict } from './state-dict.js';

/** The first convolution of each family, unfused and fused. */
const FIRST_CONVOLUTIONS = [
  'stem.stem.0.conv.weight',
  'stem.stem.0.weight',
  'stem.conv.weight',
  'stem.weight',
];

/**
 * Weights of a 3-channel model for images of another number of channels, as timm's `adapt_input_conv` converts them: the
 * sum over the channels for one; else the three repeated, cut to the number wanted and scaled by 3 / channels.
 *
 * @throws UserError if the weights are not those of a 3-channel model
 */
export function adaptInputChannels(state: StateDict, inChans: number, source: string): StateDict {
  const name = FIRST_CONVOLUTIONS.find((candidate) => state.has(candidate));
  if (name === undefined) return state;
  const weight = state.get(name)!;
  const found = weight.shape[1]!;
  if (found === inChans) return state;
  if (found !== 3) {
    throw new UserError(
      `${source} is for images of ${found} channels; only 3-channel weights can be converted to ${inChans}`,
    );
  }
  return new Map(state).set(name, convert(weight, inChans));
}

function convert({ shape, data }: HostTensor, inChans: number): HostTensor {
  const [out, , height, width] = shape as readonly [number, number, number, number];
  const values = numbers(data);
  const area = height * width;
  const result = new Float32Array(sizeOf([out, inChans, height, width]));
  for (let o = 0; o < out; o++) {
    for (let tap = 0; tap < area; tap++) {
      const at = (channel: number): number => values[(o * 3 + channel) * area + tap]!;
      for (let c = 0; c < inChans; c++) {
        result[(o * inChans + c) * area + tap] =
          inChans === 1 ? at(0) + at(1) + at(2) : (at(c % 3) * 3) / inChans;
      }
    }
  }
  return { shape: [out, inChans, height, width], data: result };
}
