/**
 * Random input of every kind, a hundred thousand times: the server answers as documented, does not die, and does no harm to the
 * queue of an honest client.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { httpRequest } from '../../bench/clients/http.js';
import { messagesOf } from '../../src/batch.js';
import { connect, type RoteraClient } from '../../src/client/node.js';
import { type ErrorCode, messageOf as textOf } from '../../src/errors.js';
import { checkRotFile } from '../../src/queue/check.js';
import { wrongRequests } from '../contract/random-requests.js';
import { closeCodes } from '../support/raw-frames.js';
import { replaced } from './controls/replace.js';
import { judgeAnswers } from './fuzz/answers.js';
import { say } from './fuzz/connection.js';
import { FUZZED, type Input, inputOf } from './fuzz/inputs.js';
import { broken, brokenness, type QueueSeen, seeQueue } from './fuzz/whole.js';
import { labelOf, messageOf } from './messages.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';
import { Server, type ServerOptions } from './server.js';
import { metric } from './tails/crowd.js';

const AT_ONCE = 128;
/** Of all inputs so many are requests that must be refused with one code; the others are of any kind. */
const WRONG_SHARE = 0.3;
const WRONG = 'requests that are wrong in one way';
const QUEUE = 'q';
const HONEST = 'honest';
const OURS = 3;
const HONEST_MS = 20;
const LOOK_MS = 1000;
/** Clients come from so many addresses: a port is of no use for a while behind each connection. */
const ADDRESSES = 20;
const MOST_BYTES = 400 * 1024 * 1024;
const SPARE_HANDLES = 25;
/** File handles of a queue that is open: see docs/operations.md. */
const QUEUE_HANDLES = 5;
const SETTLE_MS = 2000;
const CONTROL_INPUTS = 6000;
const SHOWN_BYTES = 120;

interface Expected extends Input {
  /** The only right answer. */
  readonly code?: ErrorCode;
}

/** What one read gave of the honest client's messages: undefined is one that is not as it was sent. */
interface HonestPage {
  readonly first: number;
  readonly sequences: ReadonlyArray<number | undefined>;
}

/** Whether nothing came but interim answers. */
const isUnanswered = (seen: readonly string[]): boolean => seen.every((one) => one === '100');

class Fuzzed {
  readonly wrong: string[] = [];
  readonly kinds = new Map<string, number>();
  readonly seen = new Map<string, number>();
  done = 0;
  memory = 0;
  handles: readonly [before: number, after: number] = [0, 0];
  /** Queues that were made by input. */
  made = 0;
  honest = 0;
  /** What of them was there when it was over. */
  readonly honestPages: HonestPage[] = [];
  /** The queue that took whatever came, when it was over. */
  fuzzed: QueueSeen | undefined;
  readonly #server: Server;
  readonly #random: Random;
  #wrongRequest!: ReturnType<typeof wrongRequests>;
  #isOver = false;

  constructor(directory: string, seed: number, options: ServerOptions = {}) {
    mkdirSync(directory);
    this.#server = new Server(directory, { ...options, hear: (line) => this.#say(`the server wrote: ${line}`) });
    this.#random = new Random(seed);
  }

  /** Tries so many, unless something is wrong already. @param goesOn asked now and then */
  async run(inputs: number, goesOn: (done: number) => boolean): Promise<this> {
    await this.#server.start();
    const client = connect({ url: this.#server.url, retryMs: 0 });
    await client.create(QUEUE, { maxMessageBytes: 1000, maxBytes: 1_000_000 });
    await client.create(FUZZED, { maxMessages: 500, maxBytes: 1_000_000 });
    await client.create(HONEST, { maxBytes: 64 * 1024 * 1024 });
    for (let i = 0; i < 5; i++) await client.push(QUEUE, `m${i}`);
    const { epoch, next } = await client.stat(QUEUE);
    this.#wrongRequest = wrongRequests(this.#random.seed, { epoch, next });
    const others = [this.#push(), this.#look()];
    const before = this.#handles();
    const worker = async (_: unknown, at: number): Promise<void> => {
      for (let i = at; i < inputs && goesOn(this.done) && this.#lives; i += AT_ONCE) await this.#try(i);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    this.#isOver = true;
    await Promise.all(others);
    await sleep(SETTLE_MS);
    if (!this.#lives) this.#say(`the server died: ${this.#server.endedWith}`);
    else {
      this.handles = [before, this.#handles()];
      const { queues } = await client.list();
      this.made = queues.length - OURS;
      await this.#compare();
      for (const { queue } of queues) await this.#judge(queue, client);
    }
    await client.close();
    return this;
  }

  kill(): void {
    this.#isOver = true;
    this.#server.kill();
  }

  get #lives(): boolean {
    return this.#server.endedWith === undefined;
  }

  #handles(): number {
    return readdirSync(`/proc/${this.#server.pid}/fd`).length;
  }

  #say(text: string): void {
    if (this.wrong.length < 1000) this.wrong.push(text);
  }

  #input(random: Random): Expected {
    if (!random.chance(WRONG_SHARE)) return inputOf(random);
    const { request, code } = this.#wrongRequest();
    const { method = 'GET', path, headers = {}, body = '' } = request;
    const bytes = httpRequest(method, path, { ...headers, Connection: 'close' }, Buffer.from(body as string));
    return { kind: WRONG, code, isWhole: true, pieces: [bytes] };
  }

  async #try(i: number): Promise<void> {
    const input = this.#input(this.#random.fork(i));
    const { isWhole, pieces } = input;
    const { bytes, hangs } = await say(this.#server.port, `127.0.0.${2 + (i % ADDRESSES)}`, pieces, isWhole);
    const { seen, wrong } = judgeAnswers(bytes, pieces.slice(1).flatMap(closeCodes));
    this.done++;
    this.kinds.set(input.kind, (this.kinds.get(input.kind) ?? 0) + 1);
    for (const one of seen) this.seen.set(one, (this.seen.get(one) ?? 0) + 1);
    const shown = JSON.stringify(Buffer.concat(input.pieces).toString('latin1').slice(0, SHOWN_BYTES));
    for (const text of wrong) this.#say(`${text}; input ${i}, ${input.kind}: ${shown}`);
    if (isWhole && isUnanswered(seen) && this.#lives) this.#say(`no answer; input ${i}, ${input.kind}: ${shown}`);
    if (hangs) this.#say(`a connection hangs; input ${i}, ${input.kind}: ${shown}`);
    const expected = input.code;
    if (expected !== undefined && this.#lives && !(seen.length === 1 && seen[0]?.endsWith(` ${expected}`)))
      this.#say(`${seen.join()} where ${expected} was wanted; input ${i}: ${shown}`);
  }

  /** An honest client, of which nothing may be lost. */
  async #push(): Promise<void> {
    const client = connect({ url: this.#server.url });
    while (!this.#isOver && this.#lives) {
      const label = { life: 0, writer: 0, sequence: this.honest, index: 0, of: 1 };
      try {
        const { first } = await client.push(HONEST, messageOf(label, 20 + (this.honest % 500)), { retryMs: 5000 });
        if (first !== this.honest)
          this.#say(`message ${this.honest} of the honest client was acknowledged as ${first}`);
        this.honest++;
      } catch (error) {
        this.#say(`a push of the honest client failed: ${textOf(error)}`);
        return;
      }
      await sleep(HONEST_MS);
    }
    await client.close();
  }

  async #look(): Promise<void> {
    for (; !this.#isOver && this.#lives; await sleep(LOOK_MS)) {
      // One that dies meanwhile says so elsewhere.
      const bytes = await metric(this.#server.url, 'process_resident_memory_bytes').catch(() => 0);
      this.memory = Math.max(this.memory, bytes);
    }
  }

  /** Whatever came, a queue is whole: as it answers, and in its file. */
  async #judge(queue: string, client: RoteraClient): Promise<void> {
    const seen = await seeQueue(client, queue);
    if (queue === FUZZED) this.fuzzed = seen;
    for (const text of brokenness(seen)) this.#say(text);
    const { problems } = await checkRotFile(join(this.#server.directory, `${queue}.rot`));
    for (const problem of problems) this.#say(`the file of ${queue}: ${problem}`);
  }

  /** The honest client's queue, and the one that was only asked wrongly. */
  async #compare(): Promise<void> {
    const client = connect({ url: this.#server.url });
    for await (const { first, messages } of client.pages(HONEST, { from: 0 })) {
      this.honestPages.push({ first, sequences: messages.map(({ data }) => labelOf(data)?.sequence) });
    }
    for (const text of robbed(this.honestPages, this.honest)) this.#say(text);
    const { records } = await client.readRecords(QUEUE, { from: 0 });
    const kept = [...messagesOf(records)].map((message) => Buffer.from(message).toString()).join();
    if (kept !== 'm0,m1,m2,m3,m4') this.#say(`a queue that was only asked wrongly holds ${kept}`);
    await client.close();
  }
}

/** What must not be seen of the process. */
function* complaints(memory: number, [before, after]: readonly [number, number], made: number): Generator<string> {
  if (memory > MOST_BYTES) yield `the server takes ${(memory / 1024 / 1024).toFixed()} MiB`;
  if (after > before + SPARE_HANDLES + made * QUEUE_HANDLES)
    yield `the server has ${after} file handles, ${before} before`;
}

/** What an honest client lost, of whose messages the first so many were kept: their ids are their sequences. */
function* robbed(pages: readonly HonestPage[], kept: number): Generator<string> {
  let id = 0;
  for (const { first, sequences } of pages) {
    if (first !== id) yield `the honest client's queue goes on at ${first} instead of ${id}`;
    for (const sequence of sequences) if (sequence !== id++) yield `id ${id - 1} is altered`;
  }
  if (id !== kept) yield `${kept} messages of the honest client were kept, ${id} are there`;
}

async function control(name: string, dies: boolean, trial: Trial, sees: RegExp): Promise<Control> {
  const fragile = replaced([{ module: '/src/batch.js', by: './fragile.js' }], { dies });
  const fuzzed = new Fuzzed(join(trial.directory, dies ? 'dies' : 'fails'), trial.seed, fragile);
  try {
    const goesOn = (): boolean => !fuzzed.wrong.some((text) => sees.test(text));
    await fuzzed.run(CONTROL_INPUTS, goesOn);
    return { name, caught: fuzzed.wrong.find((text) => sees.test(text)) };
  } finally {
    fuzzed.kill();
  }
}

async function prove(trial: Trial): Promise<Outcome> {
  const fuzzed = new Fuzzed(join(trial.directory, 'rots'), trial.seed);
  try {
    const began = performance.now();
    await fuzzed.run(trial.rounds, (done) => {
      if (done % 100 === 0) trial.progress(done, trial.rounds);
      return performance.now() < trial.endMs;
    });
    const seconds = (performance.now() - began) / 1000;
    fuzzed.kill();
    const { handles, memory, made, honestPages } = fuzzed;
    const taken = fuzzed.fuzzed;
    const sorted = (counts: ReadonlyMap<string, number>) => [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
    const tampered: Control[] = [
      { name: 'growing memory', caught: [...complaints(MOST_BYTES + 1, [0, 0], 0)][0] },
      { name: 'file handles left open', caught: [...complaints(0, [10, 100], 10)][0] },
      { name: 'half an answer', caught: judgeAnswers(Buffer.from('HTTP/1.1 200 OK\r\nConte')).wrong[0] },
      { name: 'a message of the honest client that is gone', caught: [...robbed(honestPages, fuzzed.honest + 1)][0] },
      {
        name: 'a message of the honest client that is altered',
        caught: [...robbed([{ first: 0, sequences: [0, undefined, 2] }], 3)][0],
      },
      {
        name: 'a close code that nobody sent',
        caught: judgeAnswers(Buffer.from('HTTP/1.1 101 \r\n\r\n\x88\x02\x13\x00', 'latin1'), [4865]).wrong[0],
      },
      {
        name: 'nothing but an interim answer',
        caught: isUnanswered(judgeAnswers(Buffer.from('HTTP/1.1 100 Continue\r\n\r\n')).seen) ? 'no answer' : undefined,
      },
    ];
    return {
      rounds: fuzzed.done,
      facts: [
        ...sorted(fuzzed.kinds),
        ['inputs a second', (fuzzed.done / seconds).toFixed()],
        ['different answers', fuzzed.seen.size],
        ['messages of an honest client, all found', fuzzed.honest],
        ['most memory of the server, MiB', (memory / 1024 / 1024).toFixed()],
        ['queues made by input', made],
        ['messages kept of input, all readable', (taken?.after.next ?? 0) - (taken?.after.oldest ?? 0)],
        ['file handles before and after', handles.join(' and ')],
      ],
      table: [['answer', 'times'], ...sorted(fuzzed.seen).map(([answer, times]) => [answer, String(times)])],
      violations: [...fuzzed.wrong, ...complaints(memory, handles, made)],
      controls: [
        ...tampered,
        ...(taken === undefined ? [{ name: 'a queue that took input', caught: undefined }] : broken(taken)),
        await control('a server that fails on a batch cut short', false, trial, /refused with internal/),
        await control('a server that dies of a batch cut short', true, trial, /the server died/),
      ],
    };
  } finally {
    fuzzed.kill();
  }
}

export const fuzz: Proof = {
  about: 'random requests, bytes, frames, queries and batches: answered as documented, and nobody is harmed',
  round: 'inputs',
  rounds: 100_000,
  run: prove,
};
