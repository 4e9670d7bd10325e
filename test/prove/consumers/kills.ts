/**
 * Kill -9 of a server in use: while it takes pushes, creates, loses a queue, is copied, starts.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type RoteraClient } from '../../../src/client/node.js';
import { isRoteraError, messageOf } from '../../../src/errors.js';
import { complaintAbout, start } from '../child.js';
import type { Copying } from '../children/copier.js';
import type { Random } from '../random.js';
import { QUEUE } from '../restarts/producer.js';
import type { Server } from '../server.js';
import { type Consumed, digest } from './consumed.js';

const RETRY_MS = 60_000;
/** A kill comes so soon, at the latest; ms. */
const WITHIN_MS = 20;
/** About as long as a start takes; ms. */
const START_MS = 600;
const MOST_STARTS = 3;
const COPY_DEADLINE_MS = 30_000;
const MADE = { maxMessages: 100, maxBytes: 64 * 1024 };
const ALL = 10_000;

export class Kills {
  /** Kills by moment. */
  readonly counts = new Map<string, number>();
  /** What copies hold, to be compared with what was acknowledged. */
  readonly copies: Array<Consumed & { readonly is: 'messages' }> = [];
  readonly wrong: string[] = [];
  readonly #server: Server;
  readonly #random: Random;
  readonly #client: RoteraClient;
  readonly #impatient: RoteraClient;
  #made = 0;

  constructor(server: Server, random: Random) {
    this.#server = server;
    this.#random = random;
    this.#client = connect({ url: server.url, retryMs: RETRY_MS });
    this.#impatient = connect({ url: server.url, retryMs: 0 });
  }

  /** Kills it at a moment, and starts it again. */
  async kill(): Promise<void> {
    const push = (): Promise<void> => this.#pushing();
    const ways = [push, push, push, push, () => this.#creating(), () => this.#deleting()];
    await this.#random.pick([...ways, () => this.#copying(), () => this.#starting()])();
    await this.#client.stat(QUEUE);
    // What it is making itself is no leftover: it is pushed to already.
    const own = `.tmp-${this.#server.pid}-`;
    for (const file of readdirSync(this.#server.directory)) {
      if (file.includes('.tmp-') && !file.includes(own)) this.wrong.push(`${file} is there after a start`);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#client.close(), this.#impatient.close()]);
  }

  async #die(moment: string): Promise<void> {
    try {
      await this.#server.die();
      this.counts.set(moment, (this.counts.get(moment) ?? 0) + 1);
    } catch (error) {
      this.wrong.push(`${moment}: ${messageOf(error)}`);
    }
  }

  #soon(): Promise<void> {
    return sleep(this.#random.below(WITHIN_MS + 1));
  }

  async #pushing(): Promise<void> {
    await this.#soon();
    await this.#die('pushing and rotating');
    await this.#server.start();
  }

  /** A create that was acknowledged is there; one that was not is there whole or not at all. */
  async #creating(): Promise<void> {
    const name = `made-${this.#made++}`;
    const creating = this.#impatient.create(name, MADE).then(
      () => true,
      () => false,
    );
    await this.#soon();
    await this.#die('creating a queue');
    const wasAcknowledged = await creating;
    await this.#server.start();
    if (wasAcknowledged && !(await this.#isThere(name))) this.wrong.push(`${name} was created, and is gone`);
    await this.#client.create(name, MADE);
    await this.#client.push(name, 'text');
    const { messages } = await this.#client.read(name, { from: 0 });
    if (messages.map(({ text }) => text).join() !== 'text') this.wrong.push(`${name} does not keep its message`);
    this.#remove(name);
  }

  /** A queue whose file was removed while it was served does not come back. */
  async #deleting(): Promise<void> {
    const name = `made-${this.#made++}`;
    await this.#client.create(name, MADE);
    const pushing = this.#impatient.push(name, 'text').catch(() => undefined);
    this.#remove(name);
    await this.#soon();
    await this.#die('deleting a queue');
    await pushing;
    await this.#server.start();
    if (await this.#isThere(name)) this.wrong.push(`${name} is there again after its file was removed`);
  }

  /** A copy of the file in use holds all that was acknowledged before it began, whatever becomes of the server. */
  async #copying(): Promise<void> {
    const name = `copy-${this.#made++}`;
    const { next: before, maxMessages } = await this.#client.stat(QUEUE);
    const file = (queue: string): string => join(this.#server.directory, `${queue}.rot`);
    const job: Copying = { file: file(QUEUE), copy: file(name) };
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const copier = start('copier', job, { deadlineMs: COPY_DEADLINE_MS, hear: begin });
    await Promise.race([begun, copier.ended]);
    await this.#soon();
    await this.#die('copying a queue');
    const complaint = complaintAbout(await copier.ended);
    await this.#server.start();
    if (complaint !== undefined) {
      this.wrong.push(`copying: ${complaint}`);
      return;
    }
    const { first, messages, gap } = await this.#client.read(name, { from: 'oldest', limit: ALL });
    const { length: count } = messages;
    this.copies.push({ is: 'messages', first, count, digest: digest(messages.map(({ text }) => text)) });
    if (gap !== null) this.wrong.push(`${name} has a gap`);
    if (first + count < before)
      this.wrong.push(`${name} ends at ${first + count}, but ${before} was acknowledged before`);
    if (first > 0 && count !== maxMessages) this.wrong.push(`${name} holds ${count} messages of ${maxMessages}`);
    this.#remove(name);
  }

  /** A server that starts after a kill is killed as well, some times in a row. */
  async #starting(): Promise<void> {
    await this.#die('pushing and rotating');
    for (let i = this.#random.below(MOST_STARTS); i >= 0; i--) {
      const started = this.#server.start().then(
        () => true,
        () => false,
      );
      await sleep(this.#random.below(START_MS));
      if (this.#server.endedWith !== undefined) this.wrong.push(`a start ended with ${this.#server.endedWith}`);
      else await this.#die((await Promise.race([started, Promise.resolve(false)])) ? 'just started' : 'starting');
      await started;
    }
    await this.#server.start();
  }

  async #isThere(name: string): Promise<boolean> {
    try {
      await this.#client.stat(name);
      return true;
    } catch (error) {
      if (isRoteraError(error, 'queue_not_found')) return false;
      throw error;
    }
  }

  #remove(name: string): void {
    for (const end of ['.rot', '.rot-lock']) rmSync(join(this.#server.directory, name + end), { force: true });
  }
}
