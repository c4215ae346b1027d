import { logitsSuite } from './golden-logits.js';

logitsSuite('wasm', ['d'], ['full']);
