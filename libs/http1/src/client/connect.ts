import { type LookupFunction, type Socket, connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Connection } from './connection.js';

/** Where an origin is. */
export interface OriginAddress {
  readonly secure: boolean;
  /** As `Host` says it: with the port where that is not the scheme's own. */
  readonly host: string;
  readonly hostname: string;
  readonly port: number;
}

/** Certificates to trust in place of the system's, in PEM. */
export type TrustedCertificates = string | Buffer | readonly (string | Buffer)[];

const KEEP_ALIVE_PROBE_MS = 60_000;
const READ_BYTES = 64 * 1024;

/**
 * Where reads arrive; what outlives the read is copied to memory of its own size. Reading is synchronous on every system but
 * Windows, so that all sockets can share it; a buffer of 64 KB for each read costs more than the rest of a small answer.
 */
const sharedReadBuffer = process.platform === 'win32' ? null : Buffer.allocUnsafeSlow(READ_BYTES);

/** The origin's address; null where it is not scheme, host and port of HTTP. */
export function addressOf(origin: string): OriginAddress | null {
  const url = URL.parse(origin);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null;
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '' || url.hostname === '') return null;
  const secure = url.protocol === 'https:';
  const hostname = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  return { secure, host: url.host, hostname, port: url.port === '' ? (secure ? 443 : 80) : Number(url.port) };
}

/** The TLS sessions of one origin: the last one makes the next handshake short. */
export interface SessionStore {
  session: Buffer | null;
}

/** Opens the connection's socket: names are looked up and addresses tried as `net.connect` does, certificates checked as `tls.connect` does. */
export function openSocket(connection: Connection, address: OriginAddress, sessions: SessionStore, ca: TrustedCertificates | undefined, lookup: LookupFunction | undefined): Socket {
  const options = {
    host: address.hostname,
    port: address.port,
    ...(lookup === undefined ? {} : { lookup }),
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
    onread: {
      buffer: sharedReadBuffer ?? Buffer.allocUnsafeSlow(READ_BYTES),
      callback: (length: number, buffer: Uint8Array): boolean => {
        connection.onRead(buffer as Buffer, length);
        return true;
      },
    },
  };
  if (!address.secure) {
    const socket = connectTcp(options);
    connection.attach(socket, 'connect');
    return socket;
  }
  const socket = connectTls({
    ...options,
    ALPNProtocols: ['http/1.1'],
    // RFC 6066: a server name is a name, never an address.
    ...(isIP(address.hostname) === 0 ? { servername: address.hostname } : {}),
    ...(sessions.session === null ? {} : { session: sessions.session }),
    ...(ca === undefined ? {} : { ca: ca as string | Buffer | (string | Buffer)[] }),
  });
  socket.on('session', (session) => (sessions.session = session));
  connection.attach(socket, 'secureConnect');
  return socket;
}
