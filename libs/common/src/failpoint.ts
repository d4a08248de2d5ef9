import { channel } from 'node:diagnostics_channel';

/** Tells the name of each failpoint that is passed, to whoever listens: tests do, to know that every write has one. */
export const FAILPOINTS = channel('apex:failpoint');

/**
 * A named place between two writes. It does nothing, unless the environment variable `APEX_FAILPOINT` has this name: then
 * the process ends here as `kill -9` would end it. Tests start such processes; nothing else sets the variable.
 */
export function failpoint(name: string): void {
  if (FAILPOINTS.hasSubscribers) FAILPOINTS.publish(name);
  if (process.env['APEX_FAILPOINT'] === name) process.kill(process.pid, 'SIGKILL');
}
