/**
 * What an IP address is for, by IANA's special-purpose registries (RFC 6890 and its successors) and the addresses at
 * which clouds serve their machines' credentials. An address that carries an IPv4 address inside (mapped, NAT64, 6to4)
 * is what the inner one is.
 */
export type AddressScope =
  | 'public'
  | 'loopback'
  /** RFC 1918, unique local (RFC 4193), site-local. */
  | 'private'
  /** Carrier-grade NAT (RFC 6598). */
  | 'shared'
  | 'link_local'
  /** A cloud's metadata service that is not link-local. */
  | 'metadata'
  | 'multicast'
  | 'unspecified'
  /** Documentation, benchmarks, future use, tunnels that hide where they lead. */
  | 'reserved';

/** Whose word an outgoing address is: an operator's, in the environment, or anybody's who sends a request. */
export type OutboundPolicy = 'operator' | 'public_only';

/**
 * Whether a connection to such an address may be made. An operator may have private networks; nobody has business with
 * addresses that stand for this very link: that is where credentials of machines are served.
 */
export const mayReach = (scope: AddressScope, policy: OutboundPolicy): boolean =>
  scope === 'public' || (policy === 'operator' && (scope === 'loopback' || scope === 'private' || scope === 'shared' || scope === 'reserved'));

/** The scope of an IPv4 or IPv6 address as resolvers and URL parsers write it; null for what is no address, so for names. */
export function addressScope(text: string): AddressScope | null {
  const ipv4 = parseIpv4(text);
  if (ipv4 !== null) return ipv4Scope(ipv4);
  const ipv6 = parseIpv6(text);
  return ipv6 === null ? null : ipv6Scope(ipv6);
}

/**
 * What counts as one place that requests come from: an IPv4 address, or the /64 of an IPv6 one, which is what a single
 * subscriber has. Anything else stands for itself.
 */
export function addressGroup(text: string): string {
  const ipv6 = parseIpv6(text);
  if (ipv6 === null) return text;
  const inner = isMapped(ipv6) ? lastIpv4(ipv6) : null;
  if (inner !== null) return [inner >>> 24, (inner >>> 16) & 0xff, (inner >>> 8) & 0xff, inner & 0xff].join('.');
  return `${ipv6.slice(0, 4).map((group) => group.toString(16)).join(':')}::/64`;
}

/** Why the host of this URL may not be connected to, or null. Names pass: what they lead to is known when they are looked up. */
export function forbiddenHost(url: URL, policy: OutboundPolicy): string | null {
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  const scope = addressScope(host);
  return scope === null || mayReach(scope, policy) ? null : `${host} is a ${scope.replace('_', '-')} address`;
}

/** Canonical dotted decimals only: other spellings are a URL parser's to normalise, and no resolver answers in them. */
function parseIpv4(text: string): number | null {
  const match = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/.exec(text);
  if (match === null) return null;
  const bytes = match.slice(1).map(Number);
  if (bytes.some((byte) => byte > 255)) return null;
  return ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
}

/** Eight groups (RFC 4291, 2.2), with or without a zone, or null. */
function parseIpv6(text: string): number[] | null {
  let address = text.split('%', 1)[0]!;
  const dotted = /:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  if (dotted !== undefined) {
    const ipv4 = parseIpv4(dotted);
    if (ipv4 === null) return null;
    address = `${address.slice(0, -dotted.length)}${(ipv4 >>> 16).toString(16)}:${(ipv4 & 0xffff).toString(16)}`;
  }
  const halves = address.split('::');
  if (halves.length > 2 || !address.includes(':')) return null;
  const head = groupsOf(halves[0]!);
  const tail = halves.length === 2 ? groupsOf(halves[1]!) : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  return [...head, ...Array<number>(missing).fill(0), ...tail];
}

function groupsOf(text: string): number[] | null {
  if (text === '') return [];
  const groups = text.split(':');
  return groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) ? groups.map((group) => Number.parseInt(group, 16)) : null;
}

type Range<T> = readonly [first: T, bits: number, scope: AddressScope];

const ipv4 = (text: string): number => parseIpv4(text)!;
const ipv6 = (text: string): number[] => parseIpv6(text)!;

/** The first that matches counts. */
const IPV4_RANGES: readonly Range<number>[] = [
  [ipv4('0.0.0.0'), 8, 'unspecified'],
  [ipv4('10.0.0.0'), 8, 'private'],
  // Alibaba, Azure's wire server, Oracle.
  [ipv4('100.100.100.200'), 32, 'metadata'],
  [ipv4('168.63.129.16'), 32, 'metadata'],
  [ipv4('192.0.0.192'), 32, 'metadata'],
  [ipv4('100.64.0.0'), 10, 'shared'],
  [ipv4('127.0.0.0'), 8, 'loopback'],
  [ipv4('169.254.0.0'), 16, 'link_local'],
  [ipv4('172.16.0.0'), 12, 'private'],
  [ipv4('192.0.0.0'), 24, 'reserved'],
  [ipv4('192.0.2.0'), 24, 'reserved'],
  [ipv4('192.88.99.0'), 24, 'reserved'],
  [ipv4('192.168.0.0'), 16, 'private'],
  [ipv4('198.18.0.0'), 15, 'reserved'],
  [ipv4('198.51.100.0'), 24, 'reserved'],
  [ipv4('203.0.113.0'), 24, 'reserved'],
  [ipv4('224.0.0.0'), 4, 'multicast'],
  // 255.255.255.255 reaches everybody on the link.
  [ipv4('255.255.255.255'), 32, 'multicast'],
  [ipv4('240.0.0.0'), 4, 'reserved'],
];

const IPV6_RANGES: readonly Range<number[]>[] = [
  [ipv6('::'), 128, 'unspecified'],
  [ipv6('::1'), 128, 'loopback'],
  // AWS, Google.
  [ipv6('fd00:ec2::254'), 128, 'metadata'],
  [ipv6('fd20:ce::254'), 128, 'metadata'],
  [ipv6('64:ff9b:1::'), 48, 'private'],
  [ipv6('100::'), 64, 'reserved'],
  [ipv6('2001::'), 23, 'reserved'],
  [ipv6('2001:db8::'), 32, 'reserved'],
  [ipv6('3fff::'), 20, 'reserved'],
  [ipv6('2000::'), 3, 'public'],
  [ipv6('fc00::'), 7, 'private'],
  [ipv6('fe80::'), 10, 'link_local'],
  [ipv6('fec0::'), 10, 'private'],
  [ipv6('ff00::'), 8, 'multicast'],
];

function ipv4Scope(address: number): AddressScope {
  for (const [first, bits, scope] of IPV4_RANGES) if ((address ^ first) >>> (32 - bits) === 0) return scope;
  return 'public';
}

function ipv6Scope(groups: readonly number[]): AddressScope {
  const inner = innerIpv4(groups);
  if (inner !== null) return ipv4Scope(inner);
  for (const [first, bits, scope] of IPV6_RANGES) if (sharesPrefix(groups, first, bits)) return scope;
  return 'reserved';
}

/** IPv4-compatible and -mapped (RFC 4291), translated (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC 3056). */
function innerIpv4(groups: readonly number[]): number | null {
  if (sharesPrefix(groups, ipv6('2002::'), 16)) return ((groups[1]! << 16) | groups[2]!) >>> 0;
  if (isMapped(groups) || TRANSLATED.some((prefix) => sharesPrefix(groups, prefix, 96))) return lastIpv4(groups);
  // `::` and `::1` are addresses of their own.
  return sharesPrefix(groups, ipv6('::'), 96) && lastIpv4(groups) > 1 ? lastIpv4(groups) : null;
}

const MAPPED = ipv6('::ffff:0:0');
const TRANSLATED = [ipv6('::ffff:0:0:0'), ipv6('64:ff9b::')];

const isMapped = (groups: readonly number[]): boolean => sharesPrefix(groups, MAPPED, 96);
const lastIpv4 = (groups: readonly number[]): number => ((groups[6]! << 16) | groups[7]!) >>> 0;

function sharesPrefix(groups: readonly number[], prefix: readonly number[], bits: number): boolean {
  for (let index = 0; index * 16 < bits; index++) {
    const unused = Math.max(0, 16 - (bits - index * 16));
    if ((groups[index]! ^ prefix[index]!) >>> unused !== 0) return false;
  }
  return true;
}
