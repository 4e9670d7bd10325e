/**
 * 10,000 wrong requests, and connections that say any bytes: each is refused with the right code, and nothing changes.
 */
import { randomInt } from 'node:crypto';
import t from 'tap';
import { problems } from '../../src/protocol/problem.js';
import { bytes } from '../support/queues.js';
import { exchange } from '../support/raw.js';
import { isProblem } from '../support/server.js';
import { startListening } from '../support/wire.js';
import { wrongRequests } from './random-requests.js';
import { makeQueue, pushNumbered } from './words.js';

const REQUESTS = 10_000;
/** So many are under way at a time. */
const AT_ONCE = 20;
const NOISES = 200;

// A busy machine takes its time.
t.setTimeout(300_000);
/** To try a seed again: ROTERA_TEST_SEED. */
const seed = Number(process.env['ROTERA_TEST_SEED'] ?? randomInt(2 ** 32));

t.test(`${REQUESTS} wrong requests of seed ${seed}`, async (t) => {
  const wire = await startListening(t);
  const queue = await makeQueue(wire, { maxMessageBytes: 1000 });
  await pushNumbered(queue, 0, 5);
  const before = (await wire.send({ path: '/queues' })).body.toString();
  const wrong = wrongRequests(seed, queue);
  const codes = new Set<string>();
  let left = REQUESTS;
  const ask = async (): Promise<void> => {
    while (left-- > 0) {
      const { request, code } = wrong();
      const answer = await wire.send(request);
      codes.add(code);
      const { status } = problems[code];
      const got = [answer.status, /"code":"(\w+)"/.exec(answer.body.toString())?.[1]];
      if (got[0] !== status || got[1] !== code) t.fail(`${status} ${code} wanted, ${got} came`, { request });
      else if (left % 10 === 0) isProblem(t, answer, status, code);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  t.ok(codes.size >= 15, [...codes].join(' '));
  t.equal((await wire.send({ path: '/queues' })).body.toString(), before, 'nothing is stored, nothing is made');
  t.strictSame((await wire.send({ path: '/queues/q' })).json['cursors'], {});
});

t.test(`${NOISES} connections that say any bytes, of seed ${seed}`, async (t) => {
  const wire = await startListening(t);
  const queue = await makeQueue(wire);
  for (let i = 0; i < NOISES; i++) {
    const noise = bytes(10 + ((seed + i) % 300), seed + i);
    const { answers, closed } = await exchange(wire.port, Buffer.concat([noise, Buffer.from('\r\n\r\n')]), 2);
    t.match([answers, closed], [[{ status: 400, code: 'bad_parameter' }], true], `seed ${seed}, noise ${i}`);
  }
  t.equal(queue.next, 0);
  t.equal((await wire.send({ path: '/healthz' })).status, 200);
});
