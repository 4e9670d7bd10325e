/**
 * Opens a directory of queues, pushes messages that say who they are, says what was acknowledged.
 */
import { closeSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { batchOf } from '../../../src/batch.js';
import { RoteraError } from '../../../src/errors.js';
import type { Queue } from '../../../src/queue/queue.js';
import { ROT_SUFFIX } from '../../../src/queue/queue-name.js';
import { Queues } from '../../../src/queue/queues.js';
import { messageOf, SHORTEST } from '../messages.js';
import { type Claim, type Plan, producerOf, REFUSALS } from '../plan.js';
import { Random } from '../random.js';
import { consume } from './consume.js';
import { job, say } from './say.js';

/** Most payload bytes of one push. */
const PUSH_BYTES = 1024 * 1024;

/** How a process ends whose write failed, and how long that may take before it is killed, as src/main.ts has it; ms. */
const EXIT_FAILED = 70;
const EXIT_MS = 5000;

const plan = job<Plan>();
const random = new Random(plan.seed).fork(plan.life);
/** Writer numbers given so far. A writer whose push was refused takes a new one, since what became of the push is open. */
let writers = 0;
let made = 0;

/** How far a clock that hurries goes with each look at it, and from one process to the next; ms. */
const HURRY_MS = 2000;
const LIFE_MS = 100_000_000;
let looks = 0;

const now = (): number => Date.now() + (plan.hurries === true ? plan.life * LIFE_MS + HURRY_MS * looks++ : 0);

/** Queues whose files are removed: what is pushed to them may be refused. */
const removed = new Set<Queue>();
let failed = false;

function fail(error: RoteraError): void {
  failed = true;
  say({ is: 'failed', code: error.code });
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), EXIT_MS).unref();
}

const codeOf = (error: unknown): string =>
  error instanceof RoteraError ? error.code : `no RoteraError, but ${error instanceof Error ? error.stack : error}`;

class Writer {
  readonly #random: Random;
  /** Messages and pushes so far, by queue. */
  readonly #sequences = new Map<string, number>();
  readonly #seqs = new Map<string, number>();
  #number = ++writers;
  #refusals = 0;

  constructor() {
    this.#random = random.fork(this.#number);
  }

  /** Makes its pushes to one queue, some of them at the same time. */
  async work(queue: Queue): Promise<void> {
    const waiting = new Set<Promise<void>>();
    this.#refusals = 0;
    for (let i = 0; i < plan.pushes && this.#refusals < REFUSALS * plan.inFlight; i++) {
      const push = this.#push(queue).finally(() => waiting.delete(push));
      waiting.add(push);
      if (waiting.size >= plan.inFlight) await Promise.race(waiting);
    }
    await Promise.all(waiting);
  }

  async #push(queue: Queue): Promise<void> {
    const writer = this.#number;
    const sequence = this.#sequences.get(queue.name) ?? 0;
    const messages = this.#messages(sequence);
    this.#sequences.set(queue.name, sequence + messages.length);
    const label = { life: plan.life, writer, queue: queue.name, sequence, count: messages.length };
    const claim = plan.named === true ? this.#claim(label) : undefined;
    const pushed = { is: 'pushed', ...label, ...(claim && { seq: claim.seq }) };
    if (claim !== undefined) say({ is: 'pushing', ...claim });
    const began = performance.now();
    try {
      if (plan.acknowledgesEarly) say({ ...pushed, first: queue.next, ms: 0 });
      const batch = batchOf(messages);
      const producer = claim && { producer: { id: producerOf(claim), epoch: 0, seq: claim.seq } };
      const { first } = await queue.push(batch, producer ?? {});
      if (!plan.acknowledgesEarly) say({ ...pushed, first, ms: performance.now() - began });
    } catch (error) {
      if (removed.has(queue) && codeOf(error) === 'queue_not_found') return;
      const words = { what: 'push', queue: queue.name, writer, code: codeOf(error) };
      say({ is: 'refused', ...words, ms: performance.now() - began });
      this.#refusals++;
      this.#number = ++writers;
      this.#sequences.clear();
      this.#seqs.clear();
    }
  }

  #claim(label: Omit<Claim, 'seq'>): Claim {
    const seq = this.#seqs.get(label.queue) ?? 0;
    this.#seqs.set(label.queue, seq + 1);
    return { ...label, seq };
  }

  #messages(sequence: number): Buffer[] {
    const of = this.#random.chance(0.4) ? 1 : this.#random.spread(1, plan.most);
    const longest = Math.max(SHORTEST, Math.min(plan.longest, Math.floor(PUSH_BYTES / of)));
    return Array.from({ length: of }, (_, index) => {
      const label = { life: plan.life, writer: this.#number, sequence: sequence + index, index, of };
      return messageOf(label, this.#random.spread(plan.shortest ?? SHORTEST, longest));
    });
  }
}

/** Whether file handles were taken away. */
let short = false;

/** Opens files until only so many more can be opened. */
function useHandles(left: number): void {
  const held: number[] = [];
  short = true;
  try {
    for (;;) held.push(openSync('/dev/null', 'r'));
  } catch {
    for (const fd of held.slice(-left - 1, -1)) closeSync(fd);
  }
}

async function open(): Promise<Queues | undefined> {
  const began = performance.now();
  try {
    return await Queues.open(plan.directory, { now, onFailure: fail });
  } catch (error) {
    say({ is: 'refused', what: 'open', code: codeOf(error), ms: performance.now() - began });
    return undefined;
  }
}

async function create(queues: Queues, name: string): Promise<Queue | undefined> {
  say({ is: 'creating', queue: name });
  const began = performance.now();
  try {
    if (plan.acknowledgesEarly) say({ is: 'created', queue: name, ms: 0 });
    const { queue } = await queues.create(name, plan.limitsOf?.[name] ?? plan.limits);
    const { createdAt } = queue.stat();
    say({ is: 'created', queue: name, createdAt, ms: performance.now() - began });
    return queue;
  } catch (error) {
    say({ is: 'refused', what: 'create', queue: name, code: codeOf(error), ms: performance.now() - began });
    return undefined;
  }
}

/** Removes the file of a queue while it is pushed to, then makes another of the same name. */
async function replace(queues: Queues, name: string): Promise<void> {
  const queue = await create(queues, name);
  if (queue === undefined) return;
  const working = new Writer().work(queue);
  await sleep(random.below(10));
  removed.add(queue);
  say({ is: 'deleting', queue: name });
  rmSync(join(plan.directory, `${name}${ROT_SUFFIX}`));
  say({ is: 'deleted', queue: name });
  await queues.rescan();
  await working;
  const again = await create(queues, name);
  if (again !== undefined) await new Writer().work(again);
}

async function session(crew: readonly Writer[], last: boolean): Promise<void> {
  say({ is: 'opening' });
  const began = performance.now();
  const queues = await open();
  if (queues === undefined) return;
  say({ is: 'opened', ms: performance.now() - began });
  if (plan.handles !== null && !short) useHandles(plan.handles);
  for (const { queue, reason } of queues.unreadable)
    say({ is: 'refused', what: 'file', queue, code: reason.code, ms: 0 });
  const served: Queue[] = [];
  for (const name of plan.queues) {
    const queue = queues.all.find((one) => one.name === name) ?? (await create(queues, name));
    if (queue !== undefined) served.push(queue);
  }
  const creating = (async () => {
    for (let i = 0; i < plan.creates; i++) {
      const queue = await create(queues, `made-${plan.life}-${made++}`);
      if (queue !== undefined) await new Writer().work(queue);
    }
    for (let i = 0; i < (plan.deletes ?? 0); i++) await replace(queues, `made-${plan.life}-${made++}`);
  })();
  const working = crew.map((writer, i) => {
    const queue = served[i % served.length];
    return queue === undefined ? undefined : writer.work(queue);
  });
  let over = false;
  const names = Array.from({ length: plan.consumers ?? 0 }, (_, i) => `consumer-${i}`);
  const consuming = served.flatMap((queue) =>
    names.map((name, i) => consume(queue, name, random.fork(-1 - i), () => over || failed)),
  );
  if (plan.dies && last) {
    await Promise.race([Promise.all(working), sleep(random.spread(1, 60))]);
    process.kill(process.pid, 'SIGKILL');
  }
  await Promise.all([creating, ...working]);
  over = true;
  await Promise.all(consuming);
  // As the server does: what waited is answered, and nothing more is asked of lmdb.
  if (failed) process.exit(EXIT_FAILED);
  say({ is: 'closing' });
  await queues.close();
  say({ is: 'closed' });
}

const crew = Array.from({ length: plan.writers }, () => new Writer());
for (let i = 0; plan.sessions === null || i < plan.sessions; i++) await session(crew, i + 1 === plan.sessions);
