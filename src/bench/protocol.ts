import type { OperationTime } from '../runtime/engines/operation-time.js';
import type { RunTime } from './peer.js';
import type { SubjectFacts } from './subject.js';
import type { Versions } from './versions.js';

/** What the process of a setting is asked; it answers each in turn. */
export type ToChild =
  | { readonly kind: 'open' }
  /** Run until so many seconds have passed, at least once. */
  | { readonly kind: 'run'; readonly seconds: number }
  | { readonly kind: 'profile' }
  /** Which batch would fit, of a setting whose process was ended. */
  | { readonly kind: 'shortage' };

export interface Opened {
  readonly facts: SubjectFacts;
  readonly versions: Versions;
}

export interface Ran {
  readonly times: readonly RunTime[];
  /** The most memory that the process has had, in bytes. */
  readonly peakBytes: number;
}

export type FromChild =
  | { readonly kind: 'notice'; readonly line: string }
  | { readonly kind: 'opened'; readonly opened: Opened }
  | { readonly kind: 'ran'; readonly ran: Ran }
  | { readonly kind: 'profiled'; readonly operations: readonly OperationTime[] }
  | { readonly kind: 'short'; readonly line?: string }
  /** `exitCode`: the user can do something about it. */
  | { readonly kind: 'failed'; readonly message: string; readonly exitCode?: 1 | 2 };
