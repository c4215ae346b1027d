import { stringify } from 'yaml';
import { modelDataConfig, type ModelConfig } from '../../models/model-config.js';
import { published } from '../../models/published.js';

/** What was measured about the files of a model folder. */
export interface CardFacts {
  readonly classNames: readonly string[] | undefined;
  readonly params: number;
  readonly paramsFused: number;
  /** Largest difference of the logits on a random image, relative to the largest logit: safetensors, fused TF.js model. */
  readonly safetensorsDiff: number | undefined;
  readonly tfjsDiff: number | undefined;
  /** Bytes. */
  readonly safetensorsBytes: number;
  readonly tfjsBytes: number;
}

/** Beyond this many names a card only counts them; they all lie in classes.txt. */
const CLASSES_SHOWN = 20;

/** The README.md of a folder for a model hub: what the model is, what was measured, how to load it. */
export function modelCard(config: ModelConfig, facts: CardFacts): string {
  const header = stringify({
    tags: ['image-classification', 'recnext', 'tensorflow.js', 'timm'],
    pipeline_tag: 'image-classification',
    library_name: 'timm',
  });
  return (
    [
      '---',
      header.trimEnd(),
      '---',
      '',
      `# ${config.name}`,
      '',
      ...about(config),
      ...measured(facts),
      ...use(config),
    ].join('\n') + '\n'
  );
}

function about(config: ModelConfig): string[] {
  const { name, numClasses } = config;
  const { inputSize, interpolation, cropPct, mean, std } = modelDataConfig(config);
  const figures = published(name);
  return [
    `An image classifier of the ${name.startsWith('regnet') ? 'RegNetY' : 'RecNeXt'} family with ${numClasses} classes.`,
    '',
    `- Input: ${inputSize.join(' x ')} (channels, height, width); ${interpolation} resize, centre crop of ${cropPct}`,
    `- Normalisation: mean ${mean.join(', ')}; std ${std.join(', ')}`,
    ...(figures === undefined || numClasses !== 1000
      ? []
      : [
          `- Published ImageNet-1K top-1 of this architecture: ${figures.top1Dist} % distilled, ${figures.top1Base} % without. Not measured on these weights`,
        ]),
    '',
  ];
}

function measured(facts: CardFacts): string[] {
  const { classNames, params, paramsFused, safetensorsDiff, tfjsDiff, safetensorsBytes, tfjsBytes } = facts;
  const difference = (value: number | undefined): string => value?.toExponential(1) ?? 'not measured';
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  return [
    '## Files',
    '',
    '| file | what | parameters | size | difference to the original |',
    '| --- | --- | ---: | ---: | ---: |',
    `| \`model.safetensors\` | for PyTorch, timm and recnext | ${params.toLocaleString('en-US')} | ${mb(safetensorsBytes)} | ${difference(safetensorsDiff)} |`,
    `| \`tfjs/\` | TensorFlow.js LayersModel, batch norms folded | ${paramsFused.toLocaleString('en-US')} | ${mb(tfjsBytes)} | ${difference(tfjsDiff)} |`,
    '',
    'Differences are the largest over all logits on one random image, relative to the largest logit, measured when these files were written.',
    '',
    ...(classNames === undefined ? [] : classes(classNames)),
  ];
}

function classes(names: readonly string[]): string[] {
  const shown = names.slice(0, CLASSES_SHOWN).map((name, i) => `${i} ${name}`);
  const rest = names.length > CLASSES_SHOWN ? `, … ${names.length} in all, in \`classes.txt\`` : '';
  return ['## Classes', '', shown.join(', ') + rest, ''];
}

function use({ name, numClasses }: ModelConfig): string[] {
  return [
    '## Use',
    '',
    'In a web page, with a bundler:',
    '',
    '```js',
    "import * as tf from '@tensorflow/tfjs';",
    "import 'recnext/layers';",
    '',
    "const model = await tf.loadLayersModel('tfjs/model.json');",
    'const logits = model.predict(images); // [batch, height, width, channels], normalised as above',
    '```',
    '',
    'In Node.js:',
    '',
    '```js',
    "import { createModel, selectBackend } from 'recnext';",
    '',
    "await selectBackend('auto');",
    `const model = await createModel('${name}', { checkpointPath: 'FOLDER OR hf://OWNER/REPO' });`,
    '```',
    '',
    'On the command line: `npx recnext predict photo.jpg --weights FOLDER`.',
    '',
    'In Python, with the RecNeXt sources imported:',
    '',
    '```python',
    'import timm',
    '',
    `model = timm.create_model('${name}', num_classes=${numClasses}, checkpoint_path='model.safetensors')`,
    '```',
  ];
}
