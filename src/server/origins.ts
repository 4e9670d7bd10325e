/**
 * Pages of other origins, and names that are not ours: against a page that makes a browser talk to a server it should not
 * reach (cross-site requests, DNS rebinding; RFC 6455, section 10.2).
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { RoteraError } from '../errors.js';

interface OriginOptions {
  /** Whether the server listens on loopback only: then a Host must be a loopback name or one of those allowed. */
  readonly loopback: boolean;
  /** Further names, for proxies. */
  readonly allowedHosts: readonly string[];
  /** Origins whose pages may use the API; `*` for all. */
  readonly corsOrigins: readonly string[];
}

/** Whether an address is one of this machine's own. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' ||
  host.endsWith('.localhost') ||
  host === '::1' ||
  (isIP(host) === 4 && host.startsWith('127.'));

/** `[::1]:8245` -> `::1`, `localhost:8245` -> `localhost`. */
function nameOf(host: string): string {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]/@\s]+))(?::\d{1,5})?$/.exec(host);
  return (match?.[1] ?? match?.[2] ?? '').toLowerCase();
}

const HOST = 'host';

/**
 * What Sec-Fetch-Site says, without an Origin, of our own page, of a URL that somebody typed, and of what is no browser. A page of
 * the same site may be another's, on another port of this machine: what it loads as an image comes without an Origin, too.
 */
const OWN_SITES: ReadonlySet<unknown> = new Set(['same-origin', 'none', undefined]);

export class Origins {
  readonly #allowedHosts: ReadonlySet<string>;
  #lastAccepted: string | undefined;

  constructor(readonly options: OriginOptions) {
    this.#allowedHosts = new Set(options.allowedHosts.map((host) => host.toLowerCase()));
  }

  /**
   * @throws `bad_parameter` unless there is exactly one Host (RFC 9112, section 3.2); `host_refused` unless it is one of ours
   */
  checkHost(rawHeaders: readonly string[]): void {
    const { host, count } = hostHeader(rawHeaders);
    // Nearly every request says the same as the one before it.
    if (count === 1 && host === this.#lastAccepted) return;
    const name = nameOf(host ?? '');
    if (name === '' || count > 1) {
      const accepted = 'exactly one, a name or address with or without a port';
      throw new RoteraError('bad_parameter', `Host: accepted: ${accepted}.`, { parameter: 'Host', accepted });
    }
    if (!this.options.loopback || isLoopback(name) || this.#allowedHosts.has(name)) {
      this.#lastAccepted = host;
      return;
    }
    const text = `This server does not answer to the name ${JSON.stringify(host)}: allow it with --allowed-host.`;
    throw new RoteraError('host_refused', text);
  }

  /** Whether pages of this origin may use the API although it is not ours. */
  allowsPage(origin: string | undefined): boolean {
    const { corsOrigins } = this.options;
    return origin !== undefined && (corsOrigins.includes(origin) || corsOrigins.includes('*'));
  }

  /** @throws `origin_refused` for a request that a page of another origin has made */
  checkOrigin(headers: IncomingHttpHeaders): void {
    const { origin, host } = headers;
    if (this.allowsPage(origin)) return;
    const site = headers['sec-fetch-site'];
    const ours = origin === undefined ? OWN_SITES.has(site) : hostOf(origin) === host?.toLowerCase();
    if (ours && site !== 'cross-site') return;
    const text = `A page of ${origin ?? 'another site'} may not do this: allow its origin with --cors-origin.`;
    throw new RoteraError('origin_refused', text);
  }
}

/** The first Host among names and values that take turns, and how many there are. */
function hostHeader(rawHeaders: readonly string[]): { host: string | undefined; count: number } {
  let host: string | undefined;
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length !== HOST.length || name.toLowerCase() !== HOST) continue;
    host ??= rawHeaders[i + 1];
    count++;
  }
  return { host, count };
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    // `null`, as a sandboxed page sends: nobody's.
    return undefined;
  }
}
