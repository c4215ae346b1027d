import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';

/** Bytes that this process may still take: what the system has left, within the limits of a container and of the process itself (`ulimit -v`). */
export function freeBytes(): number {
  // Node.js 20.13 and later know the limit of a container.
  const system = process.availableMemory?.() ?? freemem();
  return Math.min(system, addressSpaceLeft());
}

/** Allocators reserve addresses for more than they use: TensorFlow's and glibc's together up to so many times as much, measured on training steps. */
const RESERVED = 1.5;

/** What can be used of the address space that the process may still take; Linux only. */
function addressSpaceLeft(): number {
  if (process.platform !== 'linux') return Infinity;
  try {
    const limit = /^Max address space\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    if (limit === undefined) return Infinity;
    const used = /^VmSize:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return used === undefined ? Infinity : Math.max(0, Number(limit) - 1024 * Number(used)) / RESERVED;
  } catch {
    return Infinity;
  }
}
