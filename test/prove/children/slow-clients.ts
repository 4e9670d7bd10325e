/**
 * Clients that are as slow as they can be, all at once, and how long the server puts up with each.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { job, say } from './say.js';

/** Work for slow clients. */
export interface SlowClientsJob {
  readonly port: number;
  readonly queue: string;
  /** How many of each kind. */
  readonly each: number;
  /** What is still there after so long is left to itself; ms. */
  readonly patienceMs: number;
}

/** How the clients of one kind fared. */
export interface KindOfSlow {
  readonly kind: string;
  readonly count: number;
  /** How long the last of them was there; infinite, told as null, when it still is. ms. */
  readonly lastMs: number | null;
}

/** What the slow clients say. */
export type SlowClientsSaid =
  | { readonly is: 'opened' }
  | { readonly is: 'over'; readonly kinds: readonly KindOfSlow[] };

/** What a client sends at once, and then byte by byte; whether it takes what the server sends. */
interface Kind {
  readonly begin: string;
  readonly drip: string;
  readonly reads: boolean;
  /** It says that it has nothing more to send, and waits. */
  readonly ends?: boolean;
}

const DRIP_MS = 1000;

const { port, queue, each, patienceMs } = job<SlowClientsJob>();
const HOST = 'Host: 127.0.0.1\r\n';
const push = `POST /queues/${queue}/messages HTTP/1.1\r\n${HOST}`;

const KINDS: Readonly<Record<string, Kind>> = {
  'says nothing': { begin: '', drip: '', reads: true },
  'slow headers': { begin: `GET /queues HTTP/1.1\r\n${HOST}X: `, drip: 'x', reads: true },
  'slow body': { begin: `${push}Content-Length: 100000\r\n\r\n`, drip: 'x', reads: true },
  'slow chunks': { begin: `${push}Transfer-Encoding: chunked\r\n\r\n`, drip: '1\r\nx\r\n', reads: true },
  'slow reader': {
    begin: `GET /queues/${queue}/messages?limit=10000&maxBytes=16777216 HTTP/1.1\r\n${HOST}\r\n`,
    drip: '',
    reads: false,
  },
  'half a request, then the end': { begin: `GET /queues HTTP/1.1\r\n${HOST}`, drip: '', reads: true, ends: true },
  'half a body, then the end': { begin: `${push}Content-Length: 100\r\n\r\nxx`, drip: '', reads: true, ends: true },
};

/** Bytes that a slow reader takes at a time. */
const SIP = 1024;
/** Of a connection that the program behind the server's end has not closed: established, and closed by the other end only. */
const HELD = new Set(['01', '08']);

/** Ports of clients whose connections the server still holds. A client that does not read cannot see it by itself. */
function heldPorts(): Set<number> {
  const held = new Set<number>();
  const server = port.toString(16).toUpperCase().padStart(4, '0');
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const [, local = '', remote = '', state = ''] = line.trim().split(/\s+/);
    if (local.endsWith(`:${server}`) && HELD.has(state)) held.add(Number.parseInt(remote.split(':')[1] ?? '', 16));
  }
  return held;
}

class Client {
  readonly socket: Socket;
  began = 0;
  /** Its own port, when it is connected. */
  localPort = 0;
  goneMs: number | null = null;

  constructor(
    readonly kind: string,
    readonly way: Kind,
  ) {
    this.socket = createConnection({ port, host: '127.0.0.1', allowHalfOpen: true });
    // A reset is a way to go.
    this.socket.on('error', () => undefined);
  }

  async open(): Promise<void> {
    const { socket, way } = this;
    await once(socket, 'connect');
    this.began = performance.now();
    this.localPort = socket.localPort ?? 0;
    if (way.begin !== '') socket.write(way.begin);
    if (way.ends === true) socket.end();
    if (way.reads) socket.resume();
  }

  drip(): void {
    const { socket, way } = this;
    if (way.drip !== '' && socket.writable) socket.write(way.drip);
    if (!way.reads) socket.read(SIP);
  }

  look(held: ReadonlySet<number>): void {
    if (!held.has(this.localPort)) this.goneMs = performance.now() - this.began;
  }
}

async function all(): Promise<void> {
  const kinds = Object.entries(KINDS);
  const clients: Client[] = [];
  for (let i = 0; i < each; i++) {
    const some = kinds.map(([name, kind]) => new Client(name, kind));
    await Promise.all(some.map((one) => one.open()));
    clients.push(...some);
  }
  say({ is: 'opened' });
  const end = performance.now() + patienceMs;
  for (
    let here = clients;
    here.length > 0 && performance.now() < end;
    here = here.filter(({ goneMs }) => goneMs === null)
  ) {
    await sleep(DRIP_MS);
    const held = heldPorts();
    for (const client of here) {
      client.look(held);
      if (client.goneMs === null) client.drip();
    }
  }
  const told = kinds.map(([kind]): KindOfSlow => {
    const times = clients.filter((client) => client.kind === kind).map(({ goneMs }) => goneMs);
    return { kind, count: times.length, lastMs: times.includes(null) ? null : Math.max(...(times as number[])) };
  });
  say({ is: 'over', kinds: told });
  for (const { socket } of clients) socket.destroy();
}

await all();
