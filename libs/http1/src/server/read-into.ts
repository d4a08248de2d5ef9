import { type Socket } from 'node:net';

/** What `net.connect` sets for its option `onread`, by the descriptions that Node's own symbols have. */
interface Reading {
  readonly buffer: symbol;
  readonly callback: symbol;
}

let found: Reading | null = null;

/**
 * Makes an accepted socket read into the caller's memory, as the option `onread` does for one that `net.connect` opens:
 * without it each read takes 64 KB of fresh memory, which costs more than half as much as all else that Node does for a small request.
 * A server has no such option, so that it is set where Node keeps it (lib/net.js, lib/internal/stream_base_commons.js).
 *
 * @param onRead is told how many bytes there are; they must be read before it returns. False: read no more until `resume`
 * @returns false where this Node keeps it elsewhere, and on Windows, which reads asynchronously: the socket then reads as it did
 */
export function readInto(socket: Socket, buffer: Buffer, onRead: (length: number) => boolean): boolean {
  const { _handle: handle } = socket as unknown as { _handle?: { useUserBuffer?: (buffer: Buffer) => void } | null };
  if (process.platform === 'win32' || typeof handle?.useUserBuffer !== 'function') return false;
  found ??= readingOf(socket);
  const own = socket as unknown as Record<symbol, unknown>;
  if (found === null || own[found.buffer] !== null || own[found.callback] !== null) return false;
  own[found.buffer] = buffer;
  own[found.callback] = onRead;
  handle.useUserBuffer(buffer);
  return true;
}

function readingOf(socket: Socket): Reading | null {
  const named = (description: string): symbol | undefined => Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === description);
  const buffer = named('kBuffer');
  const callback = named('kBufferCb');
  return buffer === undefined || callback === undefined ? null : { buffer, callback };
}
