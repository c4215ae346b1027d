import { logitsSuite } from './golden-logits.js';

logitsSuite('node', ['a', 'b', 'c', 'd'], ['full', 'reference']);
