import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IMAGENET_CLASSES } from '../../../src/eval/imagenet-classes.js';
import { classMap } from '../../../src/train/teacher/class-map.js';
import { refused } from '../../helpers/refused.js';

const data = { count: 3, names: ['cat', 'dog', 'fish'], source: 'pets' };
const teacher = { count: 5, names: undefined, source: 'the teacher t.onnx' };

describe("the teacher's classes", () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-classes-'));
  });
  afterAll(() => rm(dir, { recursive: true }));
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(dir, name), text);
    return join(dir, name);
  };
  const mapOf = async (name: string, text: string, of: Partial<typeof data> = {}) =>
    classMap(teacher, { ...data, ...of }, await file(name, text));

  it('are found by name in a list of its outputs', async () => {
    expect(await mapOf('names.txt', 'bird\nfish\ndog\nhorse\ncat\n')).toEqual(Int32Array.of(4, 2, 1));
  });

  it('are found by a mapping, by names or numbers', async () => {
    expect(await mapOf('map.yaml', 'cat: 4\n1: 0\nfish: 2\n')).toEqual(Int32Array.of(4, 0, 2));
    const named = { ...teacher, names: ['a', 'b', 'c', 'd', 'e'] };
    const json = await file('map.json', '{"cat": "e", "dog": "a", "fish": 1}');
    expect(await classMap(named, data, json)).toEqual(Int32Array.of(4, 0, 1));
    expect(await mapOf('numbers.yaml', '0: 2\n1: 1\n2: 0\n', { names: undefined })).toEqual(
      Int32Array.of(2, 1, 0),
    );
  });

  it("ImageNet's synsets are their words", async () => {
    const imagenet = { count: 1, names: ['n01440764'], source: 'imagenet' };
    const names = await file('words.txt', `something\n${IMAGENET_CLASSES[0]!}\na\nb\nc\n`);
    expect(await classMap(teacher, imagenet, names)).toEqual(Int32Array.of(1));
  });

  it('need no file where they are the same', async () => {
    expect(await classMap({ ...teacher, count: 3 }, data, undefined)).toBeUndefined();
    const same = await file('same.txt', 'cat\ndog\nfish\n');
    expect(await classMap({ ...teacher, count: 3 }, data, same)).toBeUndefined();
  });

  it('are refused where they are other ones', async () => {
    await refused(
      classMap(teacher, data, undefined),
      /t\.onnx knows 5 classes, pets has 3: .*--teacher-classes/,
    );
    await refused(
      classMap({ ...teacher, count: 3, names: ['cat', 'fish', 'dog'] }, data, undefined),
      /class 1 is "dog", in the teacher t\.onnx it is "fish"/,
    );
    await refused(
      mapOf('few.txt', 'cat\ndog\nfish\n'),
      /3 class names, expected one for each of the 5 outputs/,
    );
    await refused(
      mapOf('other.txt', 'bird\nfish\ndgo\nhorse\ncat\n'),
      /the class "dog" of pets is none of the teacher's\. Did you mean "dgo"\?/,
    );
    await refused(mapOf('twice.txt', 'cat\nfish\ndog\ndog\nbird\n'), /"dog" stands there twice/);
    await refused(
      mapOf('gap.yaml', 'cat: 1\nfish: 2\n'),
      /the class "dog" of pets is missing, expected .* its 3 classes/,
    );
    await refused(
      mapOf('out.yaml', 'cat: 5\ndog: 1\nfish: 2\n'),
      /"cat": expected an output of .*, 0 to 4, found 5/,
    );
    await refused(mapOf('who.yaml', 'cta: 1\n'), /"cta" is no class of pets\. Did you mean "cat"\?/);
    await refused(mapOf('list.yaml', '- 1\n- 2\n'), /expected "class: output" lines/);
    await refused(
      mapOf('bare.txt', 'cat\ndog\nfish\na\nb\n', { names: undefined }),
      /pets has no class names .* as YAML/,
    );
    await refused(classMap(teacher, data, join(dir, 'none.txt')), /none\.txt: cannot read the class names/);
  });
});
