import { describe, expect, it, vi } from 'vitest';
import { run } from '../../cli/program.js';

async function recnext(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err] = [process.stdout, process.stderr].map((stream) => {
    const chunks: string[] = [];
    const spy = vi.spyOn(stream, 'write').mockImplementation((chunk) => {
      chunks.push(String(chunk));
      return true;
    });
    return { text: () => chunks.join(''), restore: () => spy.mockRestore() };
  }) as [{ text: () => string; restore: () => void }, { text: () => string; restore: () => void }];
  try {
    const code = await run(['node', 'recnext', ...args]);
    return { code, out: out.text(), err: err.text() };
  } finally {
    out.restore();
    err.restore();
  }
}

describe('recnext info', () => {
  it('prints every RecNeXt with measured and published figures', async () => {
    const { code, out } = await recnext('info');
    expect(code).toBe(0);
    expect(out).toMatch(/recnext_m0 .*2\.50.*2\.5 .*0\.412.*0\.4 .*74\.7.*73\.2.*1\.0.*189.*763/);
    expect(out.match(/recnext_/g)).toHaveLength(18);
  });

  it('prints JSON and nothing else with --json', async () => {
    const { out } = await recnext('info', 'recnext_a*', '--json');
    const rows = JSON.parse(out) as { name: string; published: { top1Dist: number } }[];
    expect(rows.map(({ name }) => name)).toEqual([0, 1, 2, 3, 4, 5].map((i) => `recnext_a${i}`));
    expect(rows[5]!.published.top1Dist).toBe(83.5);
  });

  it('takes a model apart layer by layer, as text, JSON and CSV', async () => {
    const json = JSON.parse((await recnext('info', 'recnext_m0', '--json')).out) as [
      {
        macs: number;
        paramsFused: number;
        layers: { path: string; macs: number; params: number; share: number }[];
      },
    ];
    const [{ macs, paramsFused, layers }] = json;
    expect(layers.reduce((sum, layer) => sum + layer.macs, 0)).toBe(macs);
    expect(layers.reduce((sum, layer) => sum + layer.params, 0)).toBe(paramsFused);
    expect(layers.reduce((sum, layer) => sum + layer.share, 0)).toBeCloseTo(1, 12);
    expect(layers.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['stem', 'stages.0.blocks.0', 'stages.1.downsample', 'head']),
    );
    const csv = (await recnext('info', 'recnext_m0', '--csv')).out.trim().split('\n');
    expect(csv).toHaveLength(layers.length + 1);
    expect(new Set(csv.map((line) => line.split(',').length)).size).toBe(1);
    expect((await recnext('info', 'recnext_m0')).out).toContain('receptive field');
  });

  it('knows receptive fields: a stem of two 3x3 stride-2 convolutions sees 7 pixels, attention everything', async () => {
    const fields = async (model: string): Promise<Record<string, number | null>> => {
      const [{ layers }] = JSON.parse((await recnext('info', model, '--json')).out) as [
        { layers: { path: string; receptiveField: number | null }[] },
      ];
      return Object.fromEntries(layers.map(({ path, receptiveField }) => [path, receptiveField]));
    };
    expect((await fields('recnext_m0')).stem).toBe(7);
    expect((await fields('recnext_t')).stem).toBe(15);
    expect((await fields('recnext_a0'))['stages.0.blocks.0']).toBeNull();
  });

  it('counts for other sizes', async () => {
    const of = async (...args: string[]): Promise<number> =>
      (JSON.parse((await recnext('info', 'recnext_m0', '--json', ...args)).out) as [{ macs: number }])[0]
        .macs;
    expect(await of('--input-size', '112')).toBeLessThan((await of()) / 3);
    expect(await of('--num-classes', '10')).toBe((await of()) - 990 * 320);
  });

  it('refuses unknown models and impossible options with exit code 2', async () => {
    const unknown = await recnext('info', 'recnext_m9');
    expect(unknown).toMatchObject({ code: 2, out: '' });
    expect(unknown.err).toMatch(/^error: unknown model "recnext_m9"\. Did you mean "recnext_m0"\?.*\n$/);
    expect((await recnext('info', '--input-size', 'big')).err).toMatch(
      /expected a whole number of 1 or more|from 1 to/,
    );
    expect((await recnext('info', '--csv', '--json')).code).toBe(2);
    expect((await recnext('inof')).err).toMatch(/Did you mean info\?/);
  });
});
