import type { Availability, DoctorReport } from '../src/runtime/doctor.js';

/** The report for people. */
export function describeDoctor(report: DoctorReport): string {
  const { cpu, tensorflow } = report;
  const instructions = cpu.instructions?.join(' ') ?? 'unknown';
  const copies =
    report.tfjsCopies.length > 1
      ? [
          '',
          'several copies of TF.js',
          ...report.tfjsCopies.map(({ version, path }) => `  ${version} ${path}`),
        ]
      : [];
  return [
    `node        ${report.node} on ${report.platform}`,
    `processor   ${cpu.model}, ${cpu.threads} threads`,
    `            ${instructions}`,
    `TF.js       ${report.tfjs ?? 'does not load'}`,
    `TensorFlow  ${tensorflow === undefined ? 'none' : `${tensorflow.version} (${tensorflow.path})`}`,
    '',
    'backends',
    ...Object.entries(report.backends).map(line),
    'engines',
    ...Object.entries(report.engines).map(line),
    line(['operations', report.operations]),
    'devices',
    ...report.devices.map(({ name, ...rest }) => line([name, rest])),
    ...copies,
    '',
    ...(report.nextSteps.length === 0 ? ['Nothing to do.'] : report.nextSteps),
  ].join('\n');
}

function line([name, { available, reason, does }]: [string, Availability]): string {
  const detail = available ? does : reason;
  return `  ${name.padEnd(11)}${available ? 'yes' : 'no '}${detail === undefined ? '' : `  ${detail}`}`;
}
