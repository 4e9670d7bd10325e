/**
 * An address that stays while the server behind it goes away and comes back, and that can lose answers.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';
import { type Server, type ServerOptions, startServer } from './server.js';

export interface Gateway {
  readonly url: string;
  /** Leads new connections to this port; to nowhere when it is undefined. */
  readonly leadTo: (port: number | undefined) => void;
  /** Breaks all connections. */
  readonly cut: () => void;
  /** The next answers are lost on the way, and their connections with them. */
  readonly loseAnswers: (count: number) => void;
}

export async function openGateway(t: Test): Promise<Gateway> {
  let target: number | undefined;
  let toLose = 0;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    if (target === undefined) {
      near.destroy();
      return;
    }
    const far = connect(target, '127.0.0.1');
    const end = (): void => {
      near.destroy();
      far.destroy();
      sockets.delete(near);
    };
    sockets.add(near);
    near.on('data', (chunk) => far.write(chunk));
    far.on('data', (chunk) => {
      if (toLose === 0) near.write(chunk);
      else {
        toLose--;
        end();
      }
    });
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  t.teardown(() => {
    cut();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo: (port) => {
      target = port;
    },
    cut,
    loseAnswers: (count) => {
      toLose = count;
    },
  };
}

/** A server that can be stopped and started again, on the same files and at the same address. */
export class Restartable {
  #server: Server | undefined;

  private constructor(
    readonly t: Test,
    readonly gateway: Gateway,
    readonly options: ServerOptions & { readonly directory: string },
  ) {}

  static async start(t: Test, options: ServerOptions & { readonly directory: string }): Promise<Restartable> {
    const restartable = new Restartable(t, await openGateway(t), options);
    await restartable.start();
    return restartable;
  }

  get url(): string {
    return this.gateway.url;
  }

  /** Of the server itself, not of its address. */
  get server(): Server {
    if (this.#server === undefined) throw new Error('the server is stopped');
    return this.#server;
  }

  async start(): Promise<void> {
    this.#server = await startServer(this.t, this.options);
    this.gateway.leadTo(Number(new URL(this.#server.url).port));
  }

  async stop(): Promise<void> {
    const { app, queues } = this.server;
    this.#server = undefined;
    this.gateway.leadTo(undefined);
    await app.close();
    await queues.close();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }
}
