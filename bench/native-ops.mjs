/**
 * Times our own operations for libtensorflow (`native/`) against the stock ones that do the same, at the sizes of RecNeXt-M1 at 224.
 *
 *     npm run build && node dist/cli/main.js setup && node bench/native-ops.mjs [--batch 16] [--rounds 15] [--threads N] [--only TEXT]
 *
 * Stock operations run twice: under oneDNN, which is TensorFlow's choice, and in a second process without it (Eigen). All three take
 * turns, round by round; the table has medians in milliseconds and how many times as fast as the better stock one ours is. Stock
 * depthwise includes what symmetric padding needs there: a Pad before, a Slice after the gradient.
 */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import protobuf from 'protobufjs/light.js';
import { median } from '../dist/src/bench/statistics.js';

const { values } = parseArgs({
  options: {
    batch: { type: 'string', default: '16' },
    rounds: { type: 'string', default: '15' },
    threads: { type: 'string', default: String(availableParallelism()) },
    only: { type: 'string', default: '' },
    worker: { type: 'boolean', default: false },
  },
});
const batch = Number(values.batch);
const threads = Number(values.threads);

const FLOAT = 1;
const INT32 = 3;
const T = { T: { type: FLOAT } };
const ints = (name, list, shape = [list.length]) => ({
  name,
  op: 'Const',
  attr: { dtype: { type: INT32 }, value: { ints: list, shape } },
});
const floats = (name, list, shape = [list.length]) => ({
  name,
  op: 'Const',
  attr: { dtype: { type: FLOAT }, value: { floats: list, shape } },
});

/** [height = width, channels, kernel, stride, multiplier] */
const DEPTHWISE = [
  [56, 48, 5, 1, 1],
  [28, 48, 5, 1, 1],
  [14, 48, 5, 1, 1],
  [28, 96, 5, 1, 1],
  [14, 192, 5, 1, 1],
  [7, 384, 5, 1, 1],
  [56, 48, 5, 2, 1],
  [28, 96, 5, 2, 1],
  [14, 192, 5, 2, 1],
  [56, 48, 7, 2, 2],
  [28, 96, 7, 2, 2],
  [14, 192, 7, 2, 2],
];
const ELEMENTS = [
  [56, 96],
  [28, 192],
  [14, 384],
  [7, 768],
];

function depthwiseCase([size, channels, kernel, stride, m]) {
  const pad = kernel >> 1;
  const out = Math.floor((size - 1) / stride) + 1;
  const padded = size + 2 * pad;
  const attr = { ...T, strides: { list: [1, stride, stride, 1] }, padding: { s: 'VALID' } };
  return {
    title: `${size}×${size}×${channels}, ${kernel}×${kernel}/${stride}${m > 1 ? ` ×${m}` : ''}`,
    inputs: {
      x: [batch, size, size, channels],
      filter: [kernel, kernel, channels, m],
      dy: [batch, out, out, channels * m],
    },
    stock: [
      ints('paddings', [0, 0, pad, pad, pad, pad, 0, 0], [4, 2]),
      { name: 'padded', op: 'Pad', input: ['x', 'paddings'], attr: { ...T, Tpaddings: { type: INT32 } } },
      { name: 'forward', op: 'DepthwiseConv2dNative', input: ['padded', 'filter'], attr },
      ints('filterSizes', [kernel, kernel, channels, m]),
      ints('paddedSizes', [batch, padded, padded, channels]),
      {
        name: 'filter gradient',
        op: 'DepthwiseConv2dNativeBackpropFilter',
        input: ['padded', 'filterSizes', 'dy'],
        attr,
      },
      {
        name: 'dpadded',
        op: 'DepthwiseConv2dNativeBackpropInput',
        input: ['paddedSizes', 'filter', 'dy'],
        attr,
      },
      ints('begin', [0, pad, pad, 0]),
      ints('size', [batch, size, size, channels]),
      {
        name: 'input gradient',
        op: 'Slice',
        input: ['dpadded', 'begin', 'size'],
        attr: { ...T, Index: { type: INT32 } },
      },
    ],
    own: [
      {
        name: 'forward',
        op: 'RecnextDepthwiseConv',
        input: ['x', 'filter'],
        attr: { stride: { i: stride } },
      },
      {
        name: 'filter gradient',
        op: 'RecnextDepthwiseConvFilterGrad',
        input: ['x', 'dy'],
        attr: { kernel: { i: kernel }, stride: { i: stride }, multiplier: { i: m } },
      },
      {
        name: 'input gradient',
        op: 'RecnextDepthwiseConvInputGrad',
        input: ['dy', 'filter'],
        attr: { stride: { i: stride }, height: { i: size }, width: { i: size } },
      },
    ],
    targets: ['forward', 'filter gradient', 'input gradient'],
  };
}

const op = (name, type, ...input) => ({ name, op: type, input, attr: T });

/** GELU as TF.js' operations make it: x (1 + erf(x / √2)) / 2, and its gradient with the density. */
function geluCase([size, channels]) {
  return {
    title: `${size}×${size}×${channels}`,
    inputs: { x: [batch, size, size, channels], dy: [batch, size, size, channels] },
    stock: [
      floats('rsqrt2', [Math.SQRT1_2], []),
      floats('half', [0.5], []),
      floats('one', [1], []),
      floats('minusHalf', [-0.5], []),
      floats('density', [1 / Math.sqrt(2 * Math.PI)], []),
      op('scaled', 'Mul', 'x', 'rsqrt2'),
      op('erf', 'Erf', 'scaled'),
      op('erf1', 'AddV2', 'erf', 'one'),
      op('cdf', 'Mul', 'erf1', 'half'),
      op('GELU', 'Mul', 'x', 'cdf'),
      op('square', 'Mul', 'x', 'x'),
      op('exponent', 'Mul', 'square', 'minusHalf'),
      op('exp', 'Exp', 'exponent'),
      op('bell', 'Mul', 'exp', 'density'),
      op('slope', 'Mul', 'x', 'bell'),
      op('derivative', 'AddV2', 'cdf', 'slope'),
      op('GELU gradient', 'Mul', 'dy', 'derivative'),
    ],
    own: [
      { name: 'GELU', op: 'RecnextGelu', input: ['x'] },
      { name: 'GELU gradient', op: 'RecnextGeluGrad', input: ['dy', 'x'] },
    ],
    targets: ['GELU', 'GELU gradient'],
  };
}

/** Batch norm and the GELU after it, in training: stock batch norm with our GELU, against both in the same passes. */
function batchNormCase([size, channels]) {
  const shape = [batch, size, size, channels];
  const attr = { ...T, U: { type: FLOAT }, epsilon: { f: 1e-5 }, is_training: { b: true } };
  const epsilon = { epsilon: { f: 1e-5 } };
  const saved = ['mean', 'rstd'];
  const own = (suffix, fused) => [
    {
      name: `norm${suffix}`,
      op: 'RecnextBatchNorm',
      input: ['x', 'scale', 'offset'],
      attr: { ...epsilon, ...fused },
    },
    {
      name: `norm gradient${suffix}`,
      op: 'RecnextBatchNormGrad',
      input: ['dy', 'x', 'scale', 'offset', ...saved],
      attr: fused,
    },
  ];
  return {
    title: `${size}×${size}×${channels}`,
    inputs: {
      x: shape,
      dy: shape,
      scale: [channels],
      offset: [channels],
      mean: [channels],
      rstd: [channels],
    },
    stock: [
      floats('none', [], [0]),
      { name: 'norm', op: 'FusedBatchNormV3', input: ['x', 'scale', 'offset', 'none', 'none'], attr },
      { name: 'norm + GELU', op: 'RecnextGelu', input: ['norm'] },
      {
        name: 'norm gradient',
        op: 'FusedBatchNormGradV3',
        input: ['dy', 'x', 'scale', ...saved, 'mean'],
        attr,
      },
      // x stands for the normalised values, which are of the same size.
      { name: 'dgelu', op: 'RecnextGeluGrad', input: ['dy', 'x'] },
      {
        name: 'norm gradient + GELU',
        op: 'FusedBatchNormGradV3',
        input: ['dgelu', 'x', 'scale', ...saved, 'mean'],
        attr,
      },
    ],
    own: [...own('', {}), ...own(' + GELU', { gelu: { b: true } })],
    targets: ['norm', 'norm gradient', 'norm + GELU', 'norm gradient + GELU'],
  };
}

/** [height = width, that after resizing, channels] */
const RESIZES = [
  [28, 56, 48],
  [14, 28, 96],
  [7, 14, 192],
];

/** Resizing with the addition after it, and its gradient. */
function resizeCase([from, to, channels]) {
  const half = { half_pixel_centers: { b: true } };
  const size = (length) => ({ height: { i: length }, width: { i: length } });
  return {
    title: `${from}×${from} to ${to}×${to}×${channels}`,
    inputs: {
      x: [batch, from, from, channels],
      skip: [batch, to, to, channels],
      dy: [batch, to, to, channels],
    },
    stock: [
      ints('size', [to, to]),
      { name: 'resized', op: 'ResizeBilinear', input: ['x', 'size'], attr: { ...T, ...half } },
      op('resize and add', 'AddV2', 'resized', 'skip'),
      {
        name: 'resize gradient',
        op: 'ResizeBilinearGrad',
        input: ['dy', 'x'],
        attr: { ...T, ...half },
      },
    ],
    own: [
      {
        name: 'resize and add',
        op: 'RecnextResize',
        input: ['x', 'skip'],
        attr: { ...size(to), N: { i: 1 } },
      },
      { name: 'resize gradient', op: 'RecnextResizeGrad', input: ['dy'], attr: size(from) },
    ],
    targets: ['resize and add', 'resize gradient'],
  };
}

/** [inputs, outputs] of 1×1 convolutions. */
const WEIGHTS = [
  [48, 96],
  [384, 768],
];

/** What is done to a gradient before the optimizer, and to an average after it. */
function updateCase([inputs, units]) {
  const least = { min_weight_norm: { f: 1e-3 }, min_gradient_norm: { f: 1e-6 } };
  const sum = { ...T, Tidx: { type: INT32 }, keep_dims: { b: true } };
  return {
    title: `${inputs}×${units}`,
    inputs: { gradient: [inputs, units], parameter: [inputs, units] },
    stock: [
      ints('axes', [0]),
      floats('weight', [1e-6], []),
      floats('little', [1e-12], []),
      floats('factor', [0.02 ** 2], []),
      floats('one', [1], []),
      op('gradients', 'Square', 'gradient'),
      op('parameters', 'Square', 'parameter'),
      { name: 'found', op: 'Sum', input: ['gradients', 'axes'], attr: sum },
      { name: 'allowed', op: 'Sum', input: ['parameters', 'axes'], attr: sum },
      op('atLeast', 'Maximum', 'allowed', 'weight'),
      op('most', 'Mul', 'atLeast', 'factor'),
      op('divisor', 'Maximum', 'found', 'little'),
      op('ratio', 'RealDiv', 'most', 'divisor'),
      op('root', 'Sqrt', 'ratio'),
      op('scale', 'Minimum', 'root', 'one'),
      op('adaptive clipping', 'Mul', 'gradient', 'scale'),
      op('apart', 'Sub', 'gradient', 'parameter'),
      op('share', 'Mul', 'apart', 'factor'),
      op('average', 'AddV2', 'parameter', 'share'),
    ],
    own: [
      floats('factor', [0.02 ** 2], []),
      {
        name: 'adaptive clipping',
        op: 'RecnextAdaptiveClip',
        input: ['gradient', 'parameter'],
        attr: { factor: { f: 0.02 }, units: { i: units }, ...least },
      },
      { name: 'average', op: 'RecnextLerp', input: ['parameter', 'gradient', 'factor'] },
    ],
    targets: ['adaptive clipping', 'average'],
  };
}

const CASES = [
  ...DEPTHWISE.map(depthwiseCase),
  ...RESIZES.map(resizeCase),
  ...WEIGHTS.map(updateCase),
  ...ELEMENTS.map(geluCase),
  ...ELEMENTS.map(batchNormCase),
].filter(({ title, targets }) => `${title} ${targets}`.includes(values.only));

if (values.worker) await work();
else await measure();

/** A process that runs what it is told: [case, stock | own, target, times] -> milliseconds a run. */
async function work() {
  const { alignedFloat32, opLibrary, TensorFlowSession } =
    await import('../dist/src/runtime/tensorflow/index.js');
  const library = await opLibrary();
  if ('reason' in library) throw new Error(`our operations are not available: ${library.reason}`);
  const opened = new Map();
  process.on('message', async ([index, kind, target, times]) => {
    const { inputs, [kind]: nodes } = CASES[index];
    const key = `${index} ${kind}`;
    if (!opened.has(key)) {
      const placeholders = Object.keys(inputs).map((name) => ({
        name,
        op: 'Placeholder',
        attr: { dtype: { type: FLOAT } },
      }));
      opened.set(key, {
        session: await TensorFlowSession.open(encode([...placeholders, ...nodes]), {
          opLibrary: library.path,
          intraOpThreads: threads,
        }),
        arrays: Object.entries(inputs).map(([name, shape]) => {
          const data = alignedFloat32(shape.reduce((a, b) => a * b, 1));
          for (let i = 0; i < data.length; i++) data[i] = Math.random() * 4 - 2 + (name === 'rstd' ? 3 : 0);
          return [name, { dtype: 'float32', shape, data }];
        }),
      });
    }
    const { session, arrays } = opened.get(key);
    const used = inputsOf(target, nodes);
    const request = {
      feeds: new Map(arrays.filter(([name]) => used.has(name))),
      fetches: [],
      targets: [graphName(target)],
    };
    const start = performance.now();
    for (let i = 0; i < times; i++) await session.run(request);
    process.send((performance.now() - start) / times);
  });
}

/** What a node needs, directly or not. */
function inputsOf(target, nodes) {
  const found = new Set([target]);
  for (const name of found)
    for (const input of nodes.find((node) => node.name === name)?.input ?? []) found.add(input);
  return found;
}

async function measure() {
  const start = (oneDnn) =>
    fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--worker'], {
      env: { ...process.env, TF_ENABLE_ONEDNN_OPTS: oneDnn },
    }).once('exit', (code) => process.exit(code ?? 1));
  const [oneDnn, eigen] = [start('1'), start('0')];
  const ask = (child, ...question) =>
    new Promise((resolve) => {
      child.once('message', resolve);
      child.send(question);
    });
  const ways = {
    oneDNN: (index, target, times) => ask(oneDnn, index, 'stock', target, times),
    Eigen: (index, target, times) => ask(eigen, index, 'stock', target, times),
    own: (index, target, times) => ask(oneDnn, index, 'own', target, times),
  };
  const table = new Table({
    head: ['operation', 'size', ...Object.keys(ways), 'ratio'],
    style: { compact: true, head: [], border: [] },
  });
  for (const [index, { title, targets }] of CASES.entries())
    for (const target of targets) {
      const times = { oneDNN: [], Eigen: [], own: [] };
      for (const [name, run] of Object.entries(ways)) {
        await run(index, target, 3);
        // About 50 ms a measurement.
        times[name].count = Math.max(2, Math.round(50 / (await run(index, target, 3))));
      }
      for (let round = 0; round < Number(values.rounds); round++)
        for (const [name, run] of Object.entries(ways))
          times[name].push(await run(index, target, times[name].count));
      const [a, b, own] = Object.keys(ways).map((name) => median(times[name]));
      table.push([
        target,
        title,
        ...[a, b, own].map((ms) => ms.toFixed(2)),
        (Math.min(a, b) / own).toFixed(2),
      ]);
    }
  console.log(`batch ${batch}, ${threads} threads, medians of ${values.rounds} rounds, ms`);
  console.log(table.toString());
  oneDnn.removeAllListeners('exit').kill();
  eigen.removeAllListeners('exit').kill();
}

/** A GraphDef of these nodes. */
function encode(nodes) {
  const field = (type, id, rule) => ({ type, id, ...(rule === undefined ? {} : { rule }) });
  const root = protobuf.Root.fromJSON({
    nested: {
      Dim: { fields: { size: field('int64', 1) } },
      Shape: { fields: { dim: field('Dim', 2, 'repeated') } },
      Tensor: {
        fields: {
          dtype: field('int32', 1),
          tensorShape: field('Shape', 2),
          floatVal: field('float', 5, 'repeated'),
          intVal: field('int32', 7, 'repeated'),
        },
      },
      List: { fields: { i: field('int64', 3, 'repeated') } },
      Attr: {
        fields: {
          list: field('List', 1),
          s: field('bytes', 2),
          i: field('int64', 3),
          f: field('float', 4),
          b: field('bool', 5),
          type: field('int32', 6),
          tensor: field('Tensor', 8),
        },
      },
      Entry: { fields: { key: field('string', 1), value: field('Attr', 2) } },
      Node: {
        fields: {
          name: field('string', 1),
          op: field('string', 2),
          input: field('string', 3, 'repeated'),
          attr: field('Entry', 5, 'repeated'),
        },
      },
      Versions: { fields: { producer: field('int32', 1) } },
      Graph: { fields: { node: field('Node', 1, 'repeated'), versions: field('Versions', 4) } },
    },
  });
  const attrValue = ({ list, s, ints: intVal, floats: floatVal, shape, ...value }) => {
    if (list !== undefined) return { list: { i: list } };
    if (s !== undefined) return { s: Uint8Array.from(s, (c) => c.charCodeAt(0)) };
    if (shape === undefined) return value;
    const tensorShape = { dim: shape.map((size) => ({ size })) };
    return { tensor: { dtype: intVal === undefined ? FLOAT : INT32, tensorShape, intVal, floatVal } };
  };
  const type = root.lookupType('Graph');
  const node = nodes.map(({ name, op, input, attr = {} }) => ({
    name: graphName(name),
    op,
    input: input?.map(graphName),
    attr: Object.entries(attr).map(([key, value]) => ({ key, value: attrValue(value) })),
  }));
  return type.encode(type.fromObject({ node, versions: { producer: 1645 } })).finish();
}

/** Names in a graph have no spaces or signs. */
function graphName(name) {
  return name.replaceAll(' ', '_').replaceAll('+', 'and');
}
