import type { Command } from 'commander';
import { UserError } from '../src/errors.js';
import { addOutputOptions, type OutputOptions } from './shared/options.js';
import { Output } from './shared/output.js';

export function registerDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .summary('what works on this machine, what does not, and why')
    .description(
      'Tries every backend in a process of its own and prints platform, versions, devices, instruction sets, threads and the next step for what is wrong.',
    );
  addOutputOptions(command).action(async (options: OutputOptions) => {
    const { doctor } = await import('../src/runtime/doctor.js');
    const { describeDoctor } = await import('./doctor-text.js');
    const output = new Output(options);
    output.info('trying every backend …');
    const report = await doctor();
    output.result(report, describeDoctor(report));
    if (!report.engines.eager.available)
      throw new UserError('no backend works on this machine; the report says why.');
  });
}
