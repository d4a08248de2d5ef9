const CONTENT_LENGTH = /\r\ncontent-length:[ \t]*(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding:[ \t]*chunked/i;

/** Where the HTTP response at the start of `bytes` ends, or -1 while it is not complete. */
export function responseEnd(bytes: Buffer): number {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return -1;
  const head = bytes.toString('latin1', 0, headEnd);
  const bodyStart = headEnd + 4;
  if (CHUNKED.test(head)) {
    const last = bytes.length - 5;
    // One answer at a time is on the way, so its last chunk, if it has come, stands at the very end.
    return last >= bodyStart && bytes.toString('latin1', last) === '0\r\n\r\n' ? bytes.length : -1;
  }
  const end = bodyStart + Number(CONTENT_LENGTH.exec(head)?.[1] ?? 0);
  return end <= bytes.length ? end : -1;
}

/** Nearest-rank percentile of values in ascending order; 0 when nothing was measured, which `completed` says as well. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
