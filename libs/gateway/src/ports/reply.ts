/** The client's side of an exchange. */
export interface Reply {
  /** The client has hung up before its answer was complete. */
  readonly gone: boolean;
  /** Runs once if the client hangs up before its answer is complete. */
  onGone(listener: () => void): void;
  /** A whole answer. `headers` are name, value, name, value... */
  send(status: number, headers: string[], body: readonly Buffer[]): void;
  /** The head of a streamed answer. */
  head(status: number, headers: string[]): void;
  /** False when the client reads slower than we write: wait for `onDrain`. */
  write(chunk: Buffer): boolean;
  onDrain(listener: () => void): void;
  end(chunk?: Buffer): void;
}
