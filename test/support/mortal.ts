/**
 * Server processes that are killed and started again behind an address that stays.
 */
import { mkdirSync } from 'node:fs';
import type { Test } from 'tap';
import { connect, type RoteraClient } from '../../src/client/node.js';
import { type Gateway, openGateway } from './gateway.js';
import { serve } from './program.js';

export class Mortal {
  readonly client: RoteraClient;
  #kill: () => Promise<unknown> = async () => undefined;

  private constructor(
    readonly t: Test,
    readonly dir: string,
    readonly gateway: Gateway,
  ) {
    this.client = connect({ url: this.url });
    t.teardown(() => this.client.close());
  }

  static async start(t: Test, dir: string): Promise<Mortal> {
    mkdirSync(dir);
    const mortal = new Mortal(t, dir, await openGateway(t));
    await mortal.revive();
    return mortal;
  }

  get url(): string {
    return this.gateway.url;
  }

  async revive(): Promise<void> {
    const { url, stop } = await serve(this.t, ['--dir', this.dir]);
    this.gateway.leadTo(Number(new URL(url).port));
    this.#kill = () => stop('SIGKILL');
  }

  async dieAndRevive(): Promise<void> {
    await this.#kill();
    await this.revive();
  }
}

/** Room for all that these tests push. */
export const ROOM = { maxBytes: 32 * 1024 * 1024, reserve: false };
/** The numbers `[from, to)` as messages. */
export const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => String(from + i));

/** Pushes the numbers up to `count`, and meets `at` in between. */
export async function pushNumbers(
  client: RoteraClient,
  count: number,
  step: number,
  between: (pushed: number) => Promise<void>,
) {
  for (let pushed = 0; pushed < count; pushed += step) {
    await client.push('q', numbers(pushed, pushed + step));
    await between(pushed + step);
  }
}
