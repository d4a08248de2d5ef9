import { type DestinationStream, type LogFn, type Logger, pino, stdTimeFunctions } from 'pino';
import { maskSecrets, redact } from '../core/redaction.js';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Standard output unless given. */
  readonly destination?: DestinationStream;
}

/**
 * JSON lines: `time` (ISO 8601), `level` by name, `pid`, `msg`, and what else is given. Secrets and bodies stay out
 * twice: fields are redacted by name before they are written, and every finished line is searched for what looks like
 * a secret.
 */
export function createLogger({ level, destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: { pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: object) => redact(fields) as Record<string, unknown>,
      bindings: (fields: object) => redact(fields) as Record<string, unknown>,
    },
    // Errors have been made plain by then.
    serializers: { err: (error: unknown) => error },
    hooks: {
      streamWrite: maskSecrets,
      logMethod(this: Logger, args: Parameters<LogFn>, method: LogFn) {
        method.apply(this, redactArguments(args) as Parameters<LogFn>);
      },
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/**
 * Fields go through `formatters.log`; texts, and what is put into them, do not. Without a text pino takes the error's
 * own message for it, as it stands: here it is taken before.
 */
function redactArguments([first, ...rest]: readonly unknown[]): unknown[] {
  if (typeof first !== 'object' || first === null) return [first, ...rest].map((arg) => redact(arg));
  const fields = first instanceof Error ? { err: first } : first;
  const { err } = fields as { err?: unknown };
  const texts = rest.length === 0 && err instanceof Error ? [err.message] : rest;
  return [fields, ...texts.map((arg) => redact(arg))];
}
