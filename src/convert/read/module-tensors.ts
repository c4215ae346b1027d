import { ForeignObject, type PickleValue } from './pickle/values.js';
import { TensorRef } from './tensor-ref.js';

/** Tensors by name, still in their file. */
export type NamedTensors = (readonly [name: string, tensor: TensorRef])[];

/** Classes of TorchScript are named after the Python ones, under this package. */
const isScripted = (value: PickleValue): value is ForeignObject =>
  value instanceof ForeignObject &&
  (value.className === '__torch__' || value.className.startsWith('__torch__.'));

/**
 * Tensors of a scripted or traced module by attribute path: parameters, buffers and submodules are attributes of one
 * object, among plain values (`training`, sizes, strings) that are skipped. Undefined where it is no such module.
 */
export function scriptedTensors(root: PickleValue): NamedTensors | undefined {
  if (!isScripted(root)) return undefined;
  const named: NamedTensors = [];
  const walk = (module: ForeignObject, path: string): void => {
    if (!(module.state instanceof Map)) return;
    for (const [name, value] of module.state) {
      if (typeof name !== 'string') continue;
      if (value instanceof TensorRef) named.push([path + name, value]);
      else if (isScripted(value)) walk(value, `${path}${name}.`);
    }
  };
  walk(root, '');
  return named;
}

/**
 * Tensors of a whole `nn.Module` that was pickled (`torch.save(model)`), in the order of its `state_dict`: found in its
 * `_parameters`, `_buffers` and `_modules`, without the class itself. Undefined where it is no such module.
 */
export function pickledModuleTensors(root: PickleValue): NamedTensors | undefined {
  const part = (module: PickleValue, name: string): Map<PickleValue, PickleValue> | undefined => {
    const state = module instanceof ForeignObject ? module.state : undefined;
    const value = state instanceof Map ? state.get(name) : undefined;
    return value instanceof Map ? value : undefined;
  };
  if (!part(root, '_parameters') || !part(root, '_modules')) return undefined;
  const named: NamedTensors = [];
  const walk = (module: PickleValue, path: string): void => {
    const state = module instanceof ForeignObject && module.state instanceof Map ? module.state : undefined;
    const transient = state?.get('_non_persistent_buffers_set');
    for (const group of ['_parameters', '_buffers'])
      for (const [name, value] of part(module, group) ?? [])
        if (value instanceof TensorRef && !(transient instanceof Set && transient.has(name)))
          named.push([`${path}${String(name)}`, value]);
    for (const [name, child] of part(module, '_modules') ?? []) walk(child, `${path}${String(name)}.`);
  };
  walk(root, '');
  return named;
}
