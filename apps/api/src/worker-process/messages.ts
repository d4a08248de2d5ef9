import { type MetricsSnapshot } from '@apex/telemetry';
import { type ApiOptions } from '../api.config.js';
import { type GroupState } from '../process-group.js';

/** What a data-plane process is started with; its environment is its own. */
export type WorkerStart = Omit<ApiOptions, 'env' | 'group'> & {
  /** From 1. */
  readonly worker: number;
  readonly reusePort: boolean;
};

/** From the supervisor to a data-plane process. */
export type ToWorker =
  | { readonly kind: 'start'; readonly start: WorkerStart; readonly group: GroupState }
  /** The group has changed. */
  | { readonly kind: 'group'; readonly group: GroupState }
  /** Tell what you have counted. */
  | { readonly kind: 'count'; readonly id: number }
  /** What the others have counted: the answer to `ask_counts`. */
  | { readonly kind: 'counts'; readonly id: number; readonly snapshots: readonly MetricsSnapshot[] }
  /** Let requests under way end, write what is to be written, and exit. */
  | { readonly kind: 'stop' };

/** From a data-plane process to the supervisor. */
export type FromWorker =
  /** The code is loaded; `start` can come. */
  | { readonly kind: 'loaded' }
  /** It takes traffic. */
  | { readonly kind: 'serving'; readonly baseUrl: string }
  /** It could not start, and exits. The message is for the user; of a defect it is the stack. */
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'counted'; readonly id: number; readonly snapshot: MetricsSnapshot }
  | { readonly kind: 'ask_counts'; readonly id: number };
