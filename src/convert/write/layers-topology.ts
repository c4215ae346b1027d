import type { ModuleSpec } from '../../layers/spec/module-spec.js';

/** The last release, and so the one whose format this is. */
const TFJS_LAYERS = 'tfjs-layers 4.22.0';

/**
 * The `modelTopology` of a TF.js LayersModel: a model's layers one after the other, as `tf.LayersModel.toJSON` writes it,
 * from the description alone.
 */
export function layersTopology(name: string, inChans: number, spec: ModuleSpec): object {
  const input = 'images';
  const names = [input, ...spec.children.map(([child]) => child)];
  const layers = spec.children.map(([child, { type, args }], i) => ({
    name: child,
    class_name: type,
    config: { name: child, trainable: true, ...(toSnakeCase(args) as object) },
    inbound_nodes: [[[names[i], 0, 0, {}]]],
  }));
  return {
    class_name: 'Model',
    config: {
      name,
      layers: [
        {
          name: input,
          class_name: 'InputLayer',
          config: {
            batch_input_shape: [null, null, null, inChans],
            dtype: 'float32',
            sparse: false,
            name: input,
          },
          inbound_nodes: [],
        },
        ...layers,
      ],
      input_layers: [[input, 0, 0]],
      output_layers: [[names.at(-1), 0, 0]],
    },
    keras_version: TFJS_LAYERS,
    backend: 'tensor_flow.js',
  };
}

/** Keys in Python's style, as Keras has them; what is undefined is left out. */
function toSnakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toSnakeCase);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, entry]) => entry !== undefined)
      .map(([key, entry]) => [
        key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        toSnakeCase(entry),
      ]),
  );
}
