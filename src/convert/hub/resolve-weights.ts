import { fileURLToPath } from 'node:url';
import { UsageError } from '../../errors.js';
import { hubEnvironment } from '../../runtime/fetch/hub-environment.js';
import type { FetchOptions } from '../../runtime/fetch/fetch-options.js';
import { hubSpecOf, isHubSpec } from './hub-spec.js';
import { display } from '../../runtime/fetch/http.js';
import type { ChooseOptions } from './repository.js';

/**
 * Where weights are on this machine, fetched if they must be. `hf://owner/repo[@revision][/file]` goes through the cache that
 * all clients of the hub share (`HF_HUB_CACHE`, `HF_HOME`), `https://…` through our own (`RECNEXT_CACHE`); a path stays itself.
 * `HF_HUB_OFFLINE=1` takes what the caches have.
 *
 * @throws UserError that says what is missing or refused, and what to do; UsageError for an address of another kind
 */
export async function resolveWeights(
  spec: string,
  options: FetchOptions & ChooseOptions = {},
): Promise<string> {
  if (isHubSpec(spec)) return fromHub(spec, options);
  const scheme = /^([a-z][a-z\d+.-]+):\/\//i.exec(spec)?.[1]?.toLowerCase();
  switch (scheme) {
    case undefined:
      return spec;
    case 'file':
      return fileURLToPath(spec);
    case 'http':
    case 'https': {
      const onHub = hubSpecOf(spec, hubEnvironment().endpoint);
      if (onHub !== undefined) return fromHub(onHub, options);
      const { fetchWeightsFromUrl } = await import('./url-shards.js');
      return fetchWeightsFromUrl(spec, options);
    }
    default:
      throw new UsageError(
        `weights cannot be fetched from ${scheme}://: expected a path, hf://owner/repo or https://…`,
      );
  }
}

/** The hub's client is loaded only when something is fetched: local files need none of it. */
async function fromHub(spec: string, options: FetchOptions & ChooseOptions): Promise<string> {
  const { fetchFromHub } = await import('./fetch-hub.js');
  return fetchFromHub(spec, options);
}

/** Weights as messages name them: what signs an address or logs in is left out. */
export function weightsLabel(spec: string): string {
  return /^https?:\/\//i.test(spec) && URL.canParse(spec) ? display(spec) : spec;
}
