import { logitsSuite } from './golden-logits.js';

// Plain JavaScript takes seconds a model: fused forms are left to the other backends.
logitsSuite('cpu', ['d'], []);
