import { fork, type ChildProcess } from 'node:child_process';
import { UserError } from '../errors.js';
import { compiledScript } from '../runtime/compiled-script.js';
import type { OperationTime } from '../runtime/engines/operation-time.js';
import type { Peer, RunTime } from './peer.js';
import type { FromChild, Opened, ToChild } from './protocol.js';
import type { BenchSetting } from './setting.js';

/** How a process ends that the system, or itself for lack of memory, has killed. */
const KILLED: readonly (NodeJS.Signals | null)[] = ['SIGKILL', 'SIGABRT', 'SIGSEGV', 'SIGBUS'];

type Answer<K extends FromChild['kind']> = Extract<FromChild, { kind: K }>;

/** The process was ended, by the system or by a native library that had no memory left. */
export class KilledError extends Error {
  override readonly name = 'KilledError';

  /** @param said the last that it wrote to stderr */
  constructor(
    signal: NodeJS.Signals,
    readonly said: string,
  ) {
    super(`the process that measured was ended by ${signal}`);
  }
}

/** A setting in a process of its own. */
export class SettingPeer implements Peer {
  /** The most memory that its process has had so far, in bytes. */
  peakBytes = 0;
  #answered: ((message: FromChild) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;
  #said = '';

  private constructor(
    private readonly child: ChildProcess,
    notice: (line: string) => void,
  ) {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-10_000);
    });
    child.on('message', (message: FromChild) => {
      if (message.kind === 'notice') notice(message.line);
      else this.#answered?.(message);
    });
    child.on('error', (error) => this.#failed?.(error));
    child.on('close', (code, signal) => this.#failed?.(this.#ended(code, signal)));
  }

  /** Starts the process; `open` is to follow. */
  static start(setting: BenchSetting, notice: (line: string) => void = () => undefined): SettingPeer {
    const script = compiledScript('./child.js', import.meta.url);
    const child = fork(script, [JSON.stringify(setting)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    });
    return new SettingPeer(child, notice);
  }

  /** Loads the model and opens the engine. */
  async open(): Promise<Opened> {
    return (await this.#ask({ kind: 'open' }, 'opened')).opened;
  }

  async run(seconds: number): Promise<RunTime[]> {
    const { ran } = await this.#ask({ kind: 'run', seconds }, 'ran');
    this.peakBytes = ran.peakBytes;
    return [...ran.times];
  }

  async profile(): Promise<readonly OperationTime[]> {
    return (await this.#ask({ kind: 'profile' }, 'profiled')).operations;
  }

  /** Which batch would fit, of a setting that was opened. */
  async shortage(): Promise<string | undefined> {
    return (await this.#ask({ kind: 'shortage' }, 'short')).line;
  }

  /** Ends the process. */
  close(): void {
    this.#failed = undefined;
    this.child.kill('SIGKILL');
  }

  #ask<K extends FromChild['kind']>(message: ToChild, kind: K): Promise<Answer<K>> {
    return new Promise((resolve, reject) => {
      this.#failed = reject;
      this.#answered = (answer) => {
        if (answer.kind === kind) resolve(answer as Answer<K>);
        else if (answer.kind === 'failed')
          reject(
            answer.exitCode === undefined
              ? new Error(answer.message)
              : new UserError(answer.message, { exitCode: answer.exitCode }),
          );
      };
      this.child.send(message, (error) => error && reject(error));
    });
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): Error {
    const line = this.#said.trim().split('\n').at(-1)!;
    if (KILLED.includes(signal)) return new KilledError(signal!, line);
    return new Error(`the process that measured ended with ${signal ?? `exit code ${code}`}: ${line}`);
  }
}
