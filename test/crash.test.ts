import t from 'tap';
import { batchOf, messagesOf } from '../src/batch.js';
import { connect, type RoteraClient } from '../src/client/node.js';
import { violations } from './support/acknowledged.js';
import { type Serving, serve } from './support/program.js';
import { seeded } from './support/queues.js';

const ROUNDS = 20;
const WRITERS = 8;

/** Pushes without pause, and kills the server in the middle of it when so many pushes were answered. */
async function pushUntilKilled(server: Serving, acknowledged: Map<number, string>, sent: number[], after: number) {
  const client = connect({ url: server.url, retryMs: 0 });
  let answers = 0;
  const write = async (writer: number): Promise<void> => {
    while (true) {
      const message = `${writer} ${sent[writer]!++}`;
      const { first } = await client.push('q', batchOf([Buffer.from(message)]));
      acknowledged.set(first as number, message);
      if (++answers === after) server.child.kill('SIGKILL');
    }
  };
  const ends = await Promise.allSettled(sent.map((_, writer) => write(writer)));
  if (answers < after) throw new Error('a push failed before the server was killed', { cause: ends });
}

async function readAll(client: RoteraClient): Promise<string[]> {
  const kept: string[] = [];
  while (true) {
    const { records, upToDate } = await client.readRecords('q', { from: kept.length, limit: 100_000 });
    for (const message of messagesOf(records)) kept.push(Buffer.from(message).toString());
    if (upToDate) return kept;
  }
}

t.test('killed in the middle of pushes, it keeps all that was acknowledged, in order, once', async (t) => {
  const dir = t.testdir();
  const random = seeded(9);
  const acknowledged = new Map<number, string>();
  const sent = Array.from({ length: WRITERS }, () => 0);
  let server = await serve(t, ['--dir', dir]);
  await connect({ url: server.url }).create('q', { maxBytes: 10_000_000, reserve: false });
  for (let round = 1; round <= ROUNDS; round++) {
    await pushUntilKilled(server, acknowledged, sent, 1 + random(200));
    t.equal(await server.stop('SIGKILL'), 'SIGKILL');
    server = await serve(t, ['--dir', dir]);
    const kept = await readAll(connect({ url: server.url }));
    t.strictSame(
      violations(acknowledged, kept),
      [],
      `round ${round}: ${acknowledged.size} acknowledged, ${kept.length} kept`,
    );
    const inFlight = kept.length - acknowledged.size;
    t.ok(inFlight >= 0 && inFlight <= round * WRITERS, 'what was not acknowledged is there or not');
  }
});

t.test('the check finds what a crash could do', async (t) => {
  const acknowledged = new Map([
    [0, 'a 0'],
    [1, 'b 0'],
    [3, 'a 2'],
  ]);
  t.strictSame(violations(acknowledged, ['a 0', 'b 0', 'a 1', 'a 2', 'b 1']), []);
  const bad: Record<string, string[]> = {
    lost: ['a 0', 'b 0', 'a 1'],
    'lost in the middle': ['a 0', 'b 0', 'a 2'],
    changed: ['a 0', 'b 0', 'a 1', 'a 3'],
    doubled: ['a 0', 'b 0', 'b 0', 'a 2'],
    swapped: ['b 0', 'a 0', 'a 1', 'a 2'],
    'out of order': ['a 0', 'b 0', 'a 3', 'a 2'],
  };
  for (const [name, kept] of Object.entries(bad)) t.not(violations(acknowledged, kept).length, 0, name);
});
