/** What every target is given. */
export interface Surroundings {
  /** The fast upstream's origin, without a path. */
  readonly upstream: string;
  /** The certificate that the upstream shows, as a PEM file; null: it speaks plain HTTP. */
  readonly caFile: string | null;
  /** The core of the process under test, or its cores (`0,1`); null where cores cannot be given. */
  readonly core: number | string | null;
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
  /** A gateway of others: where it cannot be had or does not answer right it is left out, and the report says why. */
  readonly peer: boolean;
  /** @throws Error whose first line says, for the report, why it cannot be had */
  start(surroundings: Surroundings): Promise<RunningTarget>;
}

/** What makes a Node program trust the upstream's certificate. */
export function nodeTrust(caFile: string | null): Record<string, string> {
  return caFile === null ? {} : { NODE_EXTRA_CA_CERTS: caFile };
}

/** The same for programs that go by OpenSSL's variable, such as Go's and Python's. */
export function opensslTrust(caFile: string | null): Record<string, string> {
  return caFile === null ? {} : { SSL_CERT_FILE: caFile };
}

export const CHAT_PATH = '/v1/chat/completions';
export const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json' } as const;
