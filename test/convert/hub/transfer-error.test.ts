import { afterEach, describe, expect, it, vi } from 'vitest';
import { fetchTiming } from '../../../src/runtime/fetch/fetch-options.js';
import { busyReply, explainTransfer, transferError } from '../../../src/runtime/fetch/transfer-error.js';

describe('what keeps weights away', () => {
  afterEach(() => vi.unstubAllEnvs());
  const thrown = (code: string): Error =>
    new TypeError('fetch failed', { cause: Object.assign(new Error('hf_secret'), { code }) });
  const message = (code: string): string => {
    const error = explainTransfer(
      transferError(thrown(code)),
      'hf://a/b',
      'https://hub.example/x',
      '',
    ) as Error;
    expect(error.message).not.toContain('hf_secret');
    expect(error.cause).toBeUndefined();
    return error.message;
  };

  it('is told from its code, with what to do', () => {
    for (const name of ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy']) vi.stubEnv(name, '');
    expect(message('EAI_AGAIN')).toBe(
      'hf://a/b: hub.example cannot be reached: its name is unknown: is there a network? (EAI_AGAIN). Without a network, download by other means and give the path',
    );
    expect(message('SELF_SIGNED_CERT_IN_CHAIN')).toMatch(
      /certificate is not trusted .* set NODE_EXTRA_CA_CERTS/,
    );
    expect(message('UND_ERR_CONNECT_TIMEOUT')).toMatch(/does not answer in time .*Try later/);
    expect(message('SOMETHING_NEW')).toMatch(/the connection broke \(SOMETHING_NEW\)/);
    vi.stubEnv('https_proxy', 'http://me:hf_secret@proxy:80');
    expect(message('ENOTFOUND')).toMatch(/NODE_USE_ENV_PROXY=1 makes Node\.js/);
    vi.stubEnv('NODE_USE_ENV_PROXY', '1');
    expect(message('ENOTFOUND')).not.toContain('NODE_USE_ENV_PROXY');
  });

  it('may be a server that asks for time', () => {
    expect(busyReply(404, new Headers())).toBeUndefined();
    expect(busyReply(503, new Headers({ 'retry-after': '7' }))?.retryAfterMs).toBe(7000);
    expect(
      busyReply(429, new Headers({ 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }))?.retryAfterMs,
    ).toBe(0);
  });

  it('is waited for as long as the environment says', () => {
    vi.stubEnv('HF_HUB_DOWNLOAD_TIMEOUT', '');
    expect(fetchTiming({}).stallMs).toBe(30_000);
    vi.stubEnv('HF_HUB_DOWNLOAD_TIMEOUT', '7');
    expect(fetchTiming({ timing: { retries: 1 } })).toMatchObject({ stallMs: 7000, retries: 1 });
  });
});
