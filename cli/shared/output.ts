import { SingleBar } from 'cli-progress';

/** stdout is for results, stderr for people. One instance a command run. */
export class Output {
  readonly json: boolean;
  readonly quiet: boolean;

  constructor(options: { json?: boolean; quiet?: boolean } = {}) {
    this.json = options.json ?? false;
    this.quiet = options.quiet ?? false;
  }

  /** A result: one JSON object on a line with `--json`, else the text for people; both on stdout. */
  result(object: unknown, text: string): void {
    process.stdout.write((this.json ? JSON.stringify(object) : text) + '\n');
  }

  /** A line for people: stderr, silent with `--quiet`. */
  info(line: string): void {
    if (!this.quiet) process.stderr.write(line + '\n');
  }

  /** Something that went otherwise than a user may expect: stderr, also with `--quiet`. */
  warn(line: string): void {
    process.stderr.write(`warning: ${line}\n`);
  }

  /** One of several things failed, the others go on: stderr, also with `--quiet`. */
  error(line: string): void {
    process.stderr.write(`error: ${line}\n`);
  }

  /**
   * A progress bar on a terminal, plain lines elsewhere (at tenths, at most one in five seconds), nothing with `--quiet`.
   *
   * @param format how a number of things done is written. Default: as it is
   */
  progress(label: string, total: number, format: Format = String): Progress {
    if (this.quiet) return { update() {}, done() {} };
    if (process.stderr.isTTY) return terminalBar(label, total, format);
    return plainLines(label, total, format, (line) => this.info(line));
  }
}

/** How a number of things done is written. */
type Format = (value: number) => string;

export interface Progress {
  /** `value` of `total` is done; `note` stands behind the bar. */
  update(value: number, note?: string): void;
  done(note?: string): void;
}

function terminalBar(label: string, total: number, format: Format): Progress {
  const bar = new SingleBar({
    format: `${label} [{bar}] {value}/{total} {eta_formatted} {note}`,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: false,
    formatValue: (value, _options, type) =>
      type === 'value' || type === 'total' ? format(value) : String(value),
  });
  bar.start(total, 0, { note: '' });
  return {
    update: (value, note) => bar.update(value, note === undefined ? {} : { note }),
    done: (note) => {
      if (note !== undefined) bar.update({ note });
      bar.stop();
    },
  };
}

/** Least time between two plain lines: what is done sooner needs no progress. */
const QUIET_MS = 5000;

function plainLines(label: string, total: number, format: Format, print: (line: string) => void): Progress {
  let next = 1;
  let last = performance.now();
  return {
    update(value, note) {
      if (value * 10 < next * total || performance.now() - last < QUIET_MS) return;
      next = Math.floor((value * 10) / total) + 1;
      last = performance.now();
      print(`${label}: ${format(value)}/${format(total)}${note === undefined ? '' : ` ${note}`}`);
    },
    done(note) {
      if (note !== undefined) print(`${label}: ${note}`);
    },
  };
}
