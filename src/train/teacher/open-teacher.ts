import { weightsLabel, resolveWeights } from '../../convert/hub/resolve-weights.js';
import { UserError } from '../../errors.js';
import type { DataConfig } from '../../models/image-model.js';
import type { EngineOptions } from '../../runtime/engines/choose.js';
import type { FetchOptions } from '../../runtime/fetch/fetch-options.js';
import type { RunConfig } from '../config.js';
import { adapted, probe } from './adapt.js';
import { namesOf, withConfig } from './beside.js';
import { classMap, type Classes } from './class-map.js';
import type { ImagesFor } from './images.js';
import { openNative } from './native.js';
import { givenNormalisation, USUAL } from './normalisation.js';
import type { Teacher } from './outputs.js';
import { sniffTeacher, type FoundTeacher } from './sniff.js';
import type { Layout } from './names.js';
import type { TeacherModel } from './teacher-model.js';

/** The options of a run that say which teacher, and how it wants its images. */
export type TeacherOptions = Pick<
  RunConfig,
  | 'teacherModel'
  | 'teacherPath'
  | 'teacherNorm'
  | 'teacherMean'
  | 'teacherStd'
  | 'teacherLayout'
  | 'teacherClasses'
>;

export interface TeacherContext {
  readonly data: Classes;
  /** How the student wants its images. */
  readonly student: Pick<DataConfig, 'mean' | 'std'>;
  /** Side of the images at the start of the run. */
  readonly inputSize: number;
  /** What executes it, where it can. Default: TF.js, operation by operation. */
  readonly engine: EngineOptions | undefined;
}

export interface OpenTeacher extends Teacher {
  /** What decides what it says of an image, by the names of the options that change it. */
  readonly identity: Readonly<Record<string, string>>;
}

/**
 * Opens a teacher of any format and finds what does not fit before the first batch: a RecNeXt or RegNetY in any form this toolkit reads, a TF.js GraphModel or
 * LayersModel, a SavedModel, an ONNX file.
 *
 * @throws UserError for what cannot be read or run here, is no classifier of RGB images, or knows other classes than the data
 */
export async function openTeacher(
  weights: string,
  options: TeacherOptions,
  context: TeacherContext,
  hooks: FetchOptions & { readonly notice: (line: string) => void },
): Promise<OpenTeacher> {
  const label = `the teacher ${weightsLabel(weights)}`;
  const given = givenNormalisation(options, context.student);
  const { model, folder } = await openModel(weights, options.teacherModel, context, hooks);
  try {
    model.notes.forEach((note) => hooks.notice(`${label}: ${note}`));
    const images: ImagesFor = {
      from: context.student,
      to: given ?? model.normalisation ?? usual(label, hooks.notice),
      layout: layoutOf(model, options.teacherLayout, label),
      size: model.input.size,
    };
    const { classes: count, probabilities } = await probe(model, images, context.inputSize, label);
    const classes = await classMap(
      { count, names: await namesOf(model, count, folder), source: label },
      context.data,
      options.teacherClasses,
    );
    tellDifferences(model, images, probabilities, context, label, hooks.notice);
    return {
      ...adapted(model, { images, classes, probabilities, label }),
      identity: {
        'teacher weights': model.fingerprint,
        'teacher mean': images.to.mean.join(' '),
        'teacher std': images.to.std.join(' '),
        'teacher size': images.size?.join('x') ?? 'as the images',
        'teacher classes': classes === undefined ? 'all' : Array.from(classes).join(' '),
        precision: context.engine?.amp ?? 'float32',
      },
    };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

async function openModel(
  weights: string,
  name: string | undefined,
  { engine, inputSize }: TeacherContext,
  hooks: FetchOptions & { readonly notice: (line: string) => void },
): Promise<{ model: TeacherModel; folder?: string }> {
  const model = name === 'auto' ? undefined : name;
  const native = async (path: string) => ({
    model: await openNative({ weights: path, model, imgSize: inputSize, engine }, hooks),
  });
  if (model !== undefined) return native(weights);
  const path = await resolveWeights(weights, { ...hooks, exported: true });
  const found = await sniffTeacher(path);
  if (found.format === 'weights') return native(path);
  const opened = await openForeign(found, engine, hooks.notice);
  return { model: await withConfig(opened, found.folder), folder: found.folder };
}

/** What runs a format is loaded only where it is wanted. */
async function openForeign(
  found: FoundTeacher,
  engine: EngineOptions | undefined,
  notice: (line: string) => void,
): Promise<TeacherModel> {
  switch (found.format) {
    case 'savedmodel':
      return (await import('./saved-model.js')).openSavedModel(found.path, engine);
    case 'onnx':
      return (await import('./onnx-model.js')).openOnnxModel(found.path, engine, notice);
    default:
      return (await import('./tfjs-model.js')).openTfjsModel(found, engine, notice);
  }
}

function usual(label: string, notice: (line: string) => void): typeof USUAL {
  notice(
    `${label} does not say how it wants its images: they are normalised as ImageNet's; --teacher-norm says otherwise.`,
  );
  return USUAL;
}

function layoutOf({ input, format }: TeacherModel, given: Layout | undefined, label: string): Layout {
  if (given === undefined && input.layout === undefined)
    throw new UserError(
      `${label}: its file does not say where the channels are: give --teacher-layout nhwc or nchw.`,
    );
  if (given !== undefined && input.layout !== undefined && given !== input.layout)
    throw new UserError(
      `${label}: --teacher-layout ${given}, but ${format} takes images as ${input.layout}: leave the option away.`,
    );
  return given ?? input.layout!;
}

/** What is done to the student's images, and to what the teacher says, a line each. */
function tellDifferences(
  { input }: TeacherModel,
  { to, from, size }: ImagesFor,
  probabilities: boolean,
  { inputSize }: TeacherContext,
  label: string,
  notice: (line: string) => void,
): void {
  if (String([to.mean, to.std]) !== String([from.mean, from.std]))
    notice(
      `${label}: its images are normalised otherwise than the student's (mean ${to.mean.join(' ')}, std ${to.std.map((std) => +std.toPrecision(4)).join(' ')}).`,
    );
  if (size !== undefined && (size[0] !== inputSize || size[1] !== inputSize))
    notice(`${label}: it takes images of ${size.join(' x ')} pixels; the student's are resized for it.`);
  if (input.batch !== undefined)
    notice(
      `${label}: its file fixes the batch to ${input.batch}: it runs as often as it takes, which is slow.`,
    );
  if (probabilities)
    notice(`${label} gives probabilities: soft distillation takes their logarithm as logits.`);
}
