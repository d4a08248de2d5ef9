import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { startChild } from './child.js';
import { programPath } from './paths.js';
import { CERTIFICATE } from './tls-identity.js';

/** How the upstream is reached. */
export type UpstreamKind = 'http' | 'tls';

export interface Upstream {
  /** Where targets send their requests. */
  readonly origin: string;
  /** Where its counts are asked for, always without TLS. */
  readonly statsOrigin: string;
  /** The certificate that must be trusted, as a PEM file; null without TLS. */
  readonly caFile: string | null;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface UpstreamOptions {
  readonly kind: UpstreamKind;
  readonly core: number | string | null;
  readonly scratch: string;
  readonly logs: string;
}

/** Starts the fast upstream. Over TLS this process, which asks for one answer of each kind, trusts it from then on, too. */
export async function startUpstream({ kind, core, scratch, logs }: UpstreamOptions): Promise<Upstream> {
  const tls = kind === 'tls';
  const child = await startChild({
    command: process.execPath,
    args: [programPath('fast-upstream'), ...(tls ? ['tls'] : [])],
    core,
    logFile: join(logs, 'upstream.log'),
    readyWhen: tls ? /tls (\d+)\nlistening (\d+)/ : /()listening (\d+)/,
    readyWithinMs: 10_000,
  });
  const at = (scheme: string, port: string | undefined): string => `${scheme}://127.0.0.1:${port as string}`;
  const statsOrigin = at('http', child.ready[2]);
  if (!tls) return { origin: statsOrigin, statsOrigin, caFile: null, pid: child.pid, stop: () => child.stop() };
  const caFile = join(scratch, 'upstream-ca.pem');
  writeFileSync(caFile, CERTIFICATE, { mode: 0o644 });
  setDefaultCACertificates([...getCACertificates('default'), CERTIFICATE]);
  return { origin: at('https', child.ready[1]), statsOrigin, caFile, pid: child.pid, stop: () => child.stop() };
}
