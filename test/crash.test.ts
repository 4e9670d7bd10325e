import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { batchOf, messagesOf } from '../src/batch.js';
import { connect, type RoteraClient } from '../src/client/node.js';
import { isRoteraError } from '../src/errors.js';
import { violations } from './support/acknowledged.js';
import { type Serving, serve, start } from './support/program.js';
import { seeded } from './support/queues.js';

/** As many as fit into these minutes, but not less than the least; `npm run prove -- consumers` does more. */
const ROUNDS = 200;
const LEAST_ROUNDS = 30;
const MOST_MS = 4 * 60_000;
/** Every second one pushes over HTTP, the others over WebSockets, with so many frames under way. */
const WRITERS = 8;
const FRAMES = 4;
const UNDER_WAY = WRITERS / 2 + (WRITERS / 2) * FRAMES;
const MOST_PUSHES = 300;
const LIMITS = { maxBytes: 10_000_000, reserve: false };
/** Every so many rounds a create is under way, or the server is killed once more while it starts, so late at most; ms. */
const CREATE_EACH = 3;
const START_EACH = 5;
const START_MS = 500;

interface Writer {
  /** The next message. */
  readonly next: () => string;
  readonly answered: (id: number, message: string) => void;
}

/** Pushes without pause until the server is gone. */
async function pushOverHttp(url: string, { next, answered }: Writer): Promise<void> {
  const client = connect({ url, retryMs: 0 });
  while (true) {
    const message = next();
    try {
      const { first } = await client.push('q', batchOf([Buffer.from(message)]));
      answered(first as number, message);
    } catch (error) {
      if (isRoteraError(error, 'unreachable')) return;
      throw error;
    }
  }
}

async function pushOverSocket(url: string, { next, answered }: Writer): Promise<void> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/queues/q/push`);
  const waiting: string[] = [];
  const send = (): void => {
    const message = next();
    waiting.push(message);
    socket.send(message);
  };
  socket.on('open', () => {
    for (let i = 0; i < FRAMES; i++) send();
  });
  let refused: string | undefined;
  socket.on('message', (data) => {
    const { first, code } = JSON.parse(String(data)) as { first?: number; code?: string };
    if (first === undefined) refused = code;
    else answered(first, waiting.shift() as string);
    send();
  });
  // A close follows: `once` would reject.
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.on('close', resolve));
  if (refused !== undefined) throw new Error(`a push over a WebSocket was refused with ${refused}`);
}

/** Pushes without pause, and kills the server in the middle of it when so many pushes were answered. */
async function pushUntilKilled(server: Serving, acknowledged: Array<[number, string]>, sent: number[], after: number) {
  let answers = 0;
  const write = (writer: number): Promise<void> => {
    const push = writer % 2 === 0 ? pushOverHttp : pushOverSocket;
    return push(server.url, {
      next: () => `${writer} ${sent[writer]!++}`,
      answered: (id, message) => {
        acknowledged.push([id, message]);
        if (++answers === after) server.child.kill('SIGKILL');
      },
    });
  };
  await Promise.all(sent.map((_, writer) => write(writer)));
  if (answers < after) throw new Error('the pushes failed before the server was killed');
}

async function killWhileItStarts(t: Test, dir: string, afterMs: number): Promise<void> {
  const child = start(['serve', '--dir', dir], { env: { ROTERA_PORT: '0' } });
  t.teardown(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  await sleep(afterMs);
  child.kill('SIGKILL');
  t.strictSame(await exited, [null, 'SIGKILL'], 'it did not end by itself');
}

async function readAll(client: RoteraClient): Promise<string[]> {
  const kept: string[] = [];
  while (true) {
    const { records, upToDate } = await client.readRecords('q', { from: kept.length, limit: 100_000 });
    for (const message of messagesOf(records)) kept.push(Buffer.from(message).toString());
    if (upToDate) return kept;
  }
}

// What is under way when the time is over is finished, on a busy machine too.
t.setTimeout(3 * MOST_MS);

t.test('killed at any moment, it keeps all that was acknowledged, in order, once', async (t) => {
  const dir = t.testdir();
  const random = seeded(9);
  const acknowledged: Array<[number, string]> = [];
  const sent = Array.from({ length: WRITERS }, () => 0);
  const created = ['q'];
  let server = await serve(t, ['--dir', dir]);
  await connect({ url: server.url }).create('q', LIMITS);
  const endMs = performance.now() + MOST_MS;
  let round = 0;
  while (round < LEAST_ROUNDS || (round < ROUNDS && performance.now() < endMs)) {
    round++;
    const name = `made-${round}`;
    const creating =
      round % CREATE_EACH === 0 ? connect({ url: server.url, retryMs: 0 }).create(name, LIMITS) : Promise.reject();
    const wasCreated = creating.then(
      () => created.push(name) > 0,
      () => false,
    );
    await pushUntilKilled(server, acknowledged, sent, 1 + random(MOST_PUSHES));
    t.equal(await server.stop('SIGKILL'), 'SIGKILL');
    await wasCreated;
    if (round % START_EACH === 0) await killWhileItStarts(t, dir, random(START_MS));
    server = await serve(t, ['--dir', dir]);
    const client = connect({ url: server.url });
    const { queues } = await client.list();
    const names = queues.map(({ queue }) => queue);
    t.strictSame(
      created.filter((name) => !names.includes(name)),
      [],
      'what was created is there',
    );
    const kept = await readAll(client);
    t.strictSame(
      violations(acknowledged, kept),
      [],
      `round ${round}: ${acknowledged.length} acknowledged, ${kept.length} kept`,
    );
    const inFlight = kept.length - acknowledged.length;
    t.ok(inFlight >= 0 && inFlight <= round * UNDER_WAY, 'what was not acknowledged is there or not');
  }
  t.comment(`${round} kills, ${acknowledged.length} messages acknowledged`);
});

t.test('the check finds what a crash could do', async (t) => {
  const acknowledged: Array<[number, string]> = [
    [0, 'a 0'],
    [1, 'b 0'],
    [3, 'a 2'],
  ];
  const sound = ['a 0', 'b 0', 'a 1', 'a 2', 'b 1'];
  t.strictSame(violations(acknowledged, sound), []);
  const bad: Record<string, string[]> = {
    lost: ['a 0', 'b 0', 'a 1'],
    'lost in the middle': ['a 0', 'b 0', 'a 2'],
    changed: ['a 0', 'b 0', 'a 1', 'a 3'],
    doubled: ['a 0', 'b 0', 'b 0', 'a 2'],
    swapped: ['b 0', 'a 0', 'a 1', 'a 2'],
    'out of order': ['a 0', 'b 0', 'a 3', 'a 2'],
  };
  for (const [name, kept] of Object.entries(bad)) t.not(violations(acknowledged, kept).length, 0, name);
  for (const other of ['b 1', 'a 2']) {
    t.match(violations([...acknowledged, [3, other]], sound).join(), /acknowledged twice: 3/, `twice, ${other}`);
  }
});
