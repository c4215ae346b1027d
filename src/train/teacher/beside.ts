import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openJson } from '../../convert/files.js';
import { parseFolderConfig } from '../../convert/model-metadata.js';
import { classNames } from '../../eval/class-names.js';
import type { TeacherModel } from './teacher-model.js';

/** What timm's config.json beside a model says of it, where its own file says nothing. */
export async function withConfig(model: TeacherModel, folder: string | undefined): Promise<TeacherModel> {
  const file = folder === undefined ? undefined : join(folder, 'config.json');
  if (file === undefined || !existsSync(file)) return model;
  const { preprocessing, classNames: names } = parseFolderConfig(await openJson(file));
  const { mean, std } = preprocessing;
  const known = mean?.length === 3 && std?.length === 3 ? { mean, std } : undefined;
  return {
    ...model,
    normalisation: model.normalisation ?? known,
    classNames: model.classNames ?? names,
  };
}

/** Names of a model's classes: its own, or those of the classes.txt beside it. */
export function namesOf(
  { classNames: known }: TeacherModel,
  classes: number,
  folder: string | undefined,
): Promise<readonly string[] | undefined> {
  return classNames(classes, { known, weights: folder });
}
