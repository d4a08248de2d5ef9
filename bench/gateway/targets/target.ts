/** What every target is given. */
export interface Surroundings {
  /** `http://127.0.0.1:PORT` of the fast upstream. */
  readonly upstream: string;
  /** The core of the process under test; null where cores cannot be given. */
  readonly core: number | null;
  /** A folder for this run's state, gone afterwards. Other users of the machine may enter it. */
  readonly scratch: string;
  /** Logs go here and stay until the next run. */
  readonly logs: string;
  /** Given to whatever runs on Node. */
  readonly nodeFlags: readonly string[];
  log(line: string): void;
}

/** How many requests a target's own books hold, when it keeps any, after a load. */
export interface Settlement {
  /** Requests recorded since the load began. */
  readonly recorded: number;
  /** From the end of the load until the last of them was recorded. */
  readonly drainSeconds: number;
}

export interface RunningTarget {
  readonly version: string;
  /** Where chat completions are posted. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The process under test; its children count as its own. Null: nothing is under test, this is the upstream itself. */
  readonly pid: number | null;
  /**
   * Called before each load by targets that keep books; the function it gives waits until `completed` requests are in
   * them, and calls `onGrowth` each time it sees more of them than before.
   */
  beginAccount?(): Promise<(completed: number, onGrowth: () => void) => Promise<Settlement>>;
  stop(): Promise<void>;
}

/** One contestant. A new peer is one more file like these, and a line in index.ts. */
export interface Target {
  readonly name: string;
  /** One line for the report: what it is and does. */
  readonly what: string;
  start(surroundings: Surroundings): Promise<RunningTarget>;
}

export const CHAT_PATH = '/v1/chat/completions';
export const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json' } as const;
