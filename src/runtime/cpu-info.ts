import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';

export interface CpuInfo {
  model: string;
  /** Processors this process may use. */
  threads: number;
  /** Instruction sets that matter to TensorFlow; null where the system does not tell. */
  instructions: readonly string[] | null;
}

const RELEVANT =
  /^(sse4_2|avx|avx2|fma|f16c|avx512(f|bw|vl|_vnni|_bf16|_fp16)|avx_vnni|amx_\w+|asimd|asimdhp|asimddp|bf16|i8mm|sve2?)$/;

/** Those of `/proc/cpuinfo`'s flags (x86) or Features (Arm) that matter. */
export function parseInstructions(cpuinfo: string): string[] {
  const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? '';
  return line.split(/\s+/).filter((flag) => RELEVANT.test(flag));
}

export function cpuInfo(): CpuInfo {
  return {
    model: cpus()[0]?.model.trim() ?? 'unknown',
    threads: availableParallelism(),
    instructions:
      process.platform === 'linux' ? parseInstructions(readFileSync('/proc/cpuinfo', 'utf8')) : null,
  };
}
