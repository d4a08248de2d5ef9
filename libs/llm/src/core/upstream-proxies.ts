/** Which calls go by way of a proxy, as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say. */
export interface ProxySettings {
  /** For `http:` origins. */
  readonly http: string | undefined;
  /** For `https:` origins. */
  readonly https: string | undefined;
  /** Hosts that are asked directly all the same, as `NO_PROXY` writes them: names with all below them, `host:port`, `*`. */
  readonly except: string;
}

const LOOPBACK = /^(?:localhost|.*\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** An origin's scheme has a proxy. Never for this machine itself, which no proxy reaches (as Go's `ProxyFromEnvironment` has it). */
export function needsProxy(settings: ProxySettings, origin: string): boolean {
  const url = URL.parse(origin);
  if (url === null || LOOPBACK.test(url.hostname)) return false;
  return (url.protocol === 'https:' ? settings.https : settings.http) !== undefined;
}
