import type { LowerTable } from './lowering.js';

/** The exact GELU, by TensorFlow's own operations or in one pass by ours. */
export const gelu: LowerTable<'Gelu' | 'GeluGrad'> = {
  /** 0.5 x (1 + erf(x/√2)), in the order that TensorFlow's optimizer recognises. */
  Gelu: (_, [x], to, { nativeOps }) => {
    if (nativeOps) return [to.add('RecnextGelu', [x!])];
    const erf = to.op('Erf', [to.op('Mul', [x!, to.scalar(Math.SQRT1_2)])]);
    const cdf = to.op('Mul', [to.scalar(0.5), to.op('AddV2', [to.scalar(1), erf])]);
    return [to.op('Mul', [x!, cdf])];
  },
  /** dy/2 · (1 + erf(u) + 2/√π · u · exp(-u²)) with u = x/√2. */
  GeluGrad: (_, [dy, x], to, { nativeOps }) => {
    if (nativeOps) return [to.add('RecnextGeluGrad', [dy!, x!])];
    const u = to.op('Mul', [x!, to.scalar(Math.SQRT1_2)]);
    const bell = to.op('Exp', [to.op('Neg', [to.op('Square', [u])])]);
    const slope = to.op('Mul', [to.op('Mul', [u, to.scalar(2 / Math.sqrt(Math.PI))]), bell]);
    const sum = to.op('AddV2', [to.op('AddV2', [to.op('Erf', [u]), slope]), to.scalar(1)]);
    return [to.op('Mul', [to.op('Mul', [dy!, to.scalar(0.5)]), sum])];
  },
};
