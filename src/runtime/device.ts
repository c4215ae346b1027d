import { UsageError } from '../errors.js';

export type Device = { kind: 'cpu' } | { kind: 'gpu'; index?: number };

/** Parses `cpu`, `gpu` or `gpu:N`. Throws UsageError. */
export function parseDevice(text: string): Device {
  if (text === 'cpu') return { kind: 'cpu' };
  const match = /^gpu(?::(\d{1,3}))?$/.exec(text);
  if (match === null)
    throw new UsageError(`--device: expected cpu, gpu or gpu:N (N from 0), found "${text}".`);
  return match[1] === undefined ? { kind: 'gpu' } : { kind: 'gpu', index: Number(match[1]) };
}

export function deviceName(device: Device): string {
  return device.kind === 'gpu' && device.index !== undefined ? `gpu:${device.index}` : device.kind;
}

/**
 * What `CUDA_VISIBLE_DEVICES` must be before CUDA starts; undefined leaves all GPUs visible. `gpu:N` counts within the GPUs that
 * are visible already, as a batch system hands them out.
 *
 * @throws UsageError when fewer GPUs are visible
 */
export function visibleDevices(device: Device, current: string | undefined): string | undefined {
  if (device.kind === 'cpu') return '-1';
  if (device.index === undefined) return current;
  if (current === undefined) return String(device.index);
  const visible = current.split(',').filter((id) => id.trim() !== '' && id.trim() !== '-1');
  const chosen = visible[device.index];
  if (chosen === undefined)
    throw new UsageError(
      `--device gpu:${device.index}: CUDA_VISIBLE_DEVICES="${current}" shows ${visible.length} GPUs. Choose a lower number or change the variable.`,
    );
  return chosen;
}
