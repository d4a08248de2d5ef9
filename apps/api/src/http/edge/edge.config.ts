import { envInt } from '@apex/common';
import { z } from 'zod';

const KiB = 1024;

/** Names that `proxy-addr`, which Express asks, has for ranges: 127/8 and ::1; 169.254/16 and fe80::/10; RFC 1918 and fc00::/7. */
const RANGE_NAMES = ['loopback', 'linklocal', 'uniquelocal'];

/**
 * How many proxies stand in front, or which ones. Never "all": then anybody could write the address that their failures
 * count for.
 */
const trustProxySchema = z.string().transform((text, context): number | string[] => {
  if (/^[1-9]$/.test(text)) return Number(text);
  const entries = text.split(',').map((entry) => entry.trim());
  if (entries.every((entry) => RANGE_NAMES.includes(entry) || isNetwork(entry))) return entries;
  context.addIssue({ code: 'custom', message: `a number of proxies from 1 to 9, or addresses, networks and ${RANGE_NAMES.join(', ')}, comma-separated` });
  return z.NEVER;
});

function isNetwork(text: string): boolean {
  const [address = '', bits, more] = text.split('/');
  if (more !== undefined) return false;
  const longest = z.ipv4().safeParse(address).success ? 32 : z.ipv6().safeParse(address).success ? 128 : 0;
  // A whole address family is everybody.
  return longest > 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= longest));
}

/** Origins as browsers send them. `*` is none: whoever may read answers is named. */
const originsSchema = z
  .string()
  .transform((text) => text.split(',').map((origin) => origin.trim()))
  .pipe(z.array(z.string().refine((origin) => /^https?:$/.test(URL.parse(origin)?.protocol ?? '') && URL.parse(origin)?.origin === origin, 'origins as browsers send them: scheme, host and port, e.g. https://console.example.com')));

/** What an operator can set of the door that both planes share. Times in milliseconds, sizes in bytes. */
export const edgeEnvSchema = z.object({
  APEX_TRUST_PROXY: trustProxySchema.optional().describe('Whose x-forwarded-for counts. Without it nobody\'s.'),
  APEX_CORS_ORIGINS: originsSchema.optional().describe('Browser origins that may use the control plane. Without it none.'),
  /** A request's head, all its lines together. */
  APEX_MAX_HEADER_BYTES: envInt.pipe(z.int().min(4 * KiB).max(256 * KiB)).default(16 * KiB),
  /** How long a client may take to send a request's head, from the connection's first byte on or its last answer. */
  APEX_HEADERS_TIMEOUT_MS: envInt.pipe(z.int().min(100)).default(20_000),
  /** How long a client may take to send a whole request, body included. */
  APEX_BODY_TIMEOUT_MS: envInt.pipe(z.int().min(100)).default(120_000),
  /** How long a connection is kept that nothing is asked on. Longer than load balancers keep their side (60 s is their usual), so that they close it, not we. */
  APEX_KEEP_ALIVE_TIMEOUT_MS: envInt.pipe(z.int().min(100)).default(75_000),
  /** Connections of one process; more are closed as they come. 0: as many as the system allows. */
  APEX_MAX_CONNECTIONS: envInt.default(0),
});

export type EdgeConfig = z.infer<typeof edgeEnvSchema>;
