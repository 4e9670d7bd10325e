/**
 * A service manager as small as can be: it holds a listening socket, starts the built server with it, and starts it again
 * whenever it ends. What the server says through its notification descriptor is heard.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, on, once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';
import { ROTERA_SERVER } from '../support/program.js';

/** Descriptor 3 is the socket, 4 the notifications. LISTEN_PID is the server's own, so each is started by a shell that it replaces. */
const SUPERVISOR = `
while read -r _; do
  sh -c 'LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$@"' sh "$@" < /dev/null &
  echo "pid $!"
  wait $!
  echo "ended $?"
done`;

export interface HandoverOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly words?: readonly string[];
  /** Where the socket listens (127.0.0.1). */
  readonly host?: string;
}

/** A listening socket that no server of ours has: connections to it wait. */
async function openSocket(host: string): Promise<{ fd: number; url: string; close: () => void }> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  return { fd, url: `http://127.0.0.1:${port}`, close: () => server.close() };
}

/** A supervised server: `notify` events carry the lines that it says to systemd, `ended` its exit codes. */
export class Handover extends EventEmitter {
  pid = 0;
  /** Everything said to systemd so far. */
  readonly said: string[] = [];

  private constructor(
    readonly url: string,
    readonly supervisor: ChildProcess,
  ) {
    super();
    const [, output, , , notify] = supervisor.stdio as NodeJS.ReadableStream[];
    createInterface({ input: notify as NodeJS.ReadableStream }).on('line', (line) => {
      this.said.push(line);
      this.emit('notify', line);
    });
    createInterface({ input: output as NodeJS.ReadableStream }).on('line', (line) => {
      const [word, number] = line.split(' ');
      if (word === 'pid') this.pid = Number(number);
      if (word !== 'ended') return;
      this.pid = 0;
      this.emit('ended', Number(number));
    });
  }

  static async open(t: Test, { env = {}, words = [], host = '127.0.0.1' }: HandoverOptions = {}): Promise<Handover> {
    const socket = await openSocket(host);
    const listen = { LISTEN_FDS: '2', LISTEN_FDNAMES: 'rotera:notify' };
    const command = ['-c', SUPERVISOR, 'sh', process.execPath, ROTERA_SERVER, ...words];
    const supervisor = spawn('sh', command, {
      env: { PATH: process.env['PATH'], ...listen, ...env },
      stdio: ['pipe', 'pipe', 'inherit', socket.fd, 'pipe'],
    });
    socket.close();
    const handover = new Handover(socket.url, supervisor);
    t.teardown(async () => {
      supervisor.kill('SIGKILL');
      handover.signal('SIGKILL');
      await once(supervisor, 'close');
    });
    return handover;
  }

  /** Starts the server and resolves when it says that it is ready. */
  async start(): Promise<void> {
    const ready = this.hears('READY=1');
    this.supervisor.stdin?.write('start\n');
    await ready;
  }

  /** Nothing happens when no server runs. */
  signal(name: NodeJS.Signals): void {
    if (this.pid === 0) return;
    try {
      process.kill(this.pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Resolves when systemd is told so from now on. */
  async hears(line: string): Promise<void> {
    for await (const [heard] of on(this, 'notify')) if (heard === line) return;
  }

  /** Stops the server. Resolves to its exit code. */
  async stop(name: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    const ended = once(this, 'ended');
    this.signal(name);
    const [code] = await ended;
    return code as number;
  }
}
