import { describe, expect, it } from 'vitest';
import { layersTopology } from '../../../src/convert/write/layers-topology.js';
import { buildModel, listModels } from '../../../src/models/index.js';
import { selectBackend } from '../../../src/runtime/backend.js';

describe('the topology of a LayersModel', () => {
  it.each(listModels())('%s is what TF.js itself writes', async (name) => {
    await selectBackend('cpu');
    for (const fuse of ['none', 'reference', 'full'] as const) {
      const model = buildModel(name, { fuse, init: 'zeros', numClasses: 7, inChans: 4 });
      const expected = model.toLayersModel().toJSON(null, false) as object;
      expect(JSON.parse(JSON.stringify(layersTopology(name, 4, model.spec)))).toEqual(
        JSON.parse(JSON.stringify(expected)),
      );
      model.dispose();
    }
  });
});
