/**
 * Where the application listens: on a socket that systemd holds, on a Unix socket, or on an address and port.
 */
import { lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import type { FastifyInstance, FastifyListenOptions } from 'fastify';
import { isRoteraError, messageOf, RoteraError } from '../errors.js';
import { isLoopback } from './origins.js';

interface ListenOptions {
  readonly host: string;
  /** 0 lets the system choose one. */
  readonly port: number;
  /** Path of a Unix socket; comes before host and port. */
  readonly socket?: string;
  /** Descriptors of listening sockets that were inherited; they come before all else. At most one. */
  readonly inherited: readonly number[];
}

/**
 * Begins to listen, and resolves to the address, as a URL or a path.
 * @throws `in_use` when another listens there; `unreachable` when the address is not this machine's, or not yet;
 * `bad_config` for the rest
 */
export async function listen(app: FastifyInstance, options: ListenOptions): Promise<string> {
  const { host, port, socket, inherited } = options;
  if (inherited.length > 1) {
    throw new RoteraError('bad_config', 'More than one socket was passed on: one ListenStream= is accepted.');
  }
  const [fd] = inherited;
  if (fd === undefined && socket !== undefined) checkLength(socket);
  try {
    // fastify takes a missing host for localhost, and then opens a second socket.
    if (fd !== undefined)
      return checkInherited(app, options, await listenOn(app, { host, fd } as FastifyListenOptions));
    if (socket === undefined) return await listenOn(app, { host, port });
    await removeStale(socket);
    await app.listen({ path: socket });
    return socket;
  } catch (error) {
    if (isRoteraError(error)) throw error;
    if (fd === undefined && socket !== undefined) throw explain(error, socket, SOCKET_ADVICE);
    throw explain(error, fd === undefined ? `${host}:${port}` : `descriptor ${fd}`, ADVICE);
  }
}

const MOST_PATH_BYTES = 107;
const EVERY_ADDRESS = '0.0.0.0';
const LOCALHOST = 'localhost';
const LOOPBACK = '127.0.0.1';

/**
 * Where `localhost` has two addresses, fastify makes a server of its own for the second, without anything that bounds the first:
 * so it is told of one address. Told that it listens on 0.0.0.0, fastify asks for the addresses of all interfaces, only to log
 * them. A service that may use no AF_NETLINK (as the units have it) must not ask: so fastify is told of loopback, where such a
 * server is reached as well.
 */
async function listenOn(app: FastifyInstance, options: FastifyListenOptions): Promise<string> {
  const { server } = app;
  const address = server.address.bind(server);
  server.address = () => {
    const its = address();
    return typeof its === 'object' && its?.address === EVERY_ADDRESS ? { ...its, address: LOOPBACK } : its;
  };
  try {
    return await app.listen(options.host === LOCALHOST ? { ...options, host: LOOPBACK } : options);
  } finally {
    server.address = address;
  }
}

/**
 * What may be done without a token, and under which names the server answers, is said by `socket` or `host`: a socket that is
 * passed on must not be open to more than that. @returns the address, as it is given
 */
function checkInherited(app: FastifyInstance, { host, socket }: ListenOptions, address: string): string {
  const its = app.server.address();
  if (socket === undefined && !isLoopback(host)) return address;
  if (its === null || typeof its === 'string' || isLoopback(its.address)) return address;
  const [option, value] = socket === undefined ? (['host', host] as const) : (['socket', socket] as const);
  const without = socket === undefined ? '' : ', without socket';
  const text = `the socket that was passed on is open at ${its.address}, but ${option} is ${value}, which is for this machine alone. Set host to ${its.address} as well${without}`;
  throw new RoteraError('bad_config', `Cannot listen: ${text}.`, { option, value });
}

/** Of a longer path only the beginning would be used (sun_path in unix(7)). */
function checkLength(path: string): void {
  if (Buffer.byteLength(path) <= MOST_PATH_BYTES) return;
  const text = `The path of the socket is too long: ${path}. At most ${MOST_PATH_BYTES} bytes are possible; give it a shorter one with --socket.`;
  throw new RoteraError('bad_config', text, { option: 'socket', value: path });
}

/** Removes the Unix socket of a server that was killed: one on which nobody answers. */
async function removeStale(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const code = await new Promise<string | undefined>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(undefined);
    });
    probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  if (code === 'ECONNREFUSED') unlinkSync(path);
}

type Advice = Readonly<Record<string, { code: 'in_use' | 'unreachable'; text: string }>>;

const SOCKET_ADVICE: Advice = {
  EADDRINUSE: {
    code: 'in_use',
    text: 'another server listens there, or it is a file of another kind. Stop that server, or choose another path with --socket',
  },
};

const ADVICE: Advice = {
  EADDRINUSE: {
    code: 'in_use',
    text: 'something listens there already. Stop it, or choose another port with --port',
  },
  EADDRNOTAVAIL: {
    code: 'unreachable',
    text: 'this machine does not have that address, or not yet. Choose another with --host',
  },
};

function explain(cause: unknown, place: string, all: Advice): unknown {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  if (code === undefined) return cause;
  const advice = all[code] ?? { code: 'bad_config' as const, text: messageOf(cause) };
  return new RoteraError(advice.code, `Cannot listen on ${place}: ${advice.text}.`, {}, { cause });
}
