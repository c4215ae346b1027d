import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import type { FetchOptions } from '../../../src/runtime/fetch/fetch-options.js';
import { FakeHub } from '../../helpers/fake-hub.js';
import { FileServer } from '../../helpers/file-server.js';

export const REPO = 'suous/recnext_m0.base_300e_in1k';
export const ADDRESS = `hf://${REPO}`;
export const TOKEN = 'hf_verysecret';

/** Impatient between attempts, so that no test waits long; patient with a busy machine. */
export const FAST: FetchOptions = { timing: { stallMs: 20_000, retries: 3, backoffMs: 5, pollMs: 20 } };

/** For servers that fall silent. */
export const STALLING: FetchOptions = { timing: { ...FAST.timing, stallMs: 700 } };

/** Bytes that no two parts of are alike. */
export function noise(length: number, seed = 'noise'): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
    createHash('sha256').update(`${seed} ${i}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

/** A hub, and caches of our own, anew for each test. */
export function withHub(): { hub: FakeHub; folder: string; repoFolder: string } {
  const context = {} as { hub: FakeHub; folder: string; repoFolder: string };
  beforeEach(async () => {
    context.folder = mkdtempSync(join(tmpdir(), 'recnext-hub-'));
    context.hub = new FakeHub(REPO);
    const cache = join(context.folder, 'hub');
    context.repoFolder = join(cache, `models--${REPO.replace('/', '--')}`);
    vi.stubEnv('HF_ENDPOINT', await context.hub.start());
    vi.stubEnv('HF_HUB_CACHE', cache);
    vi.stubEnv('HF_HOME', join(context.folder, 'home'));
    vi.stubEnv('RECNEXT_CACHE', join(context.folder, 'own'));
    vi.stubEnv('HF_TOKEN', TOKEN);
    vi.stubEnv('HF_HUB_OFFLINE', '');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await context.hub.stop();
    rmSync(context.folder, { recursive: true, force: true });
  });
  return context;
}

/** The message it fails with: one line, and nothing secret in the whole error. */
export async function failure(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    (value) => {
      throw new Error(`it gave ${String(value)}`);
    },
    (reason: unknown) => reason as Error,
  );
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const text = `${at.name} ${at.message} ${at.stack} ${JSON.stringify(at)}`;
    expect(text).not.toContain(TOKEN);
    expect(text).not.toContain('X-Amz-Signature');
  }
  expect(error.name).toMatch(/^(UserError|UsageError|CheckpointError)$/);
  expect(error.message).not.toContain('\n');
  return error.message;
}

/** Names of unfinished files in a folder. */
export function unfinished(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.incomplete')) : [];
}

/** A port that nothing listens at. */
export async function closedPort(): Promise<string> {
  const server = await new FileServer().start();
  await server.stop();
  return new URL(server.url).port;
}
