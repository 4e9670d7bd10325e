/**
 * Raw HTTP: what is ambiguous is refused and its connection closed, what is well formed is answered in order, and nothing but
 * what was accepted is stored.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import { exchange } from '../support/raw.js';
import { type RealWire, startListening } from '../support/wire.js';
import { BODIES, HOSTS, type RawCase, REQUESTS, SMUGGLING, UPGRADES } from './raw-cases.js';
import { dataOf, makeQueue, read } from './words.js';

const GROUPS: Readonly<Record<string, readonly RawCase[]>> = {
  'requests that could be taken for others': SMUGGLING,
  hosts: HOSTS,
  requests: REQUESTS,
  bodies: BODIES,
  upgrades: UPGRADES,
};

/** How long a server that is wrong is given; ms. */
const CONTROL_MS = 500;

/** What is wrong with the answers to a case; undefined when nothing is. */
async function complaintAbout(port: number, one: RawCase, deadlineMs?: number): Promise<unknown> {
  const { name, bytes, answers: wanted, closes } = one;
  const { answers, closed } = await exchange(
    port,
    bytes,
    closes ? Number.POSITIVE_INFINITY : wanted.length,
    deadlineMs,
  );
  const got = answers.map(({ status, code }, i) => (typeof wanted[i] === 'number' ? status : (code ?? status)));
  const unlike = answers.filter(
    ({ code, headers }) =>
      code !== undefined &&
      (!/^application\/problem\+json/.test(headers['content-type'] ?? '') ||
        headers['x-content-type-options'] !== 'nosniff'),
  );
  return isDeepStrictEqual([got, closed], [wanted, closes]) && unlike.length === 0
    ? undefined
    : { name, got, wanted, closed, closes, unlike };
}

/** Messages that are stored once the cases are over, where it may be none but theirs. */
async function isStored(wire: RealWire, cases: readonly RawCase[]): Promise<boolean> {
  const wanted = cases.flatMap(({ stores = [] }) => stores);
  return isDeepStrictEqual(dataOf(await read(wire)), wanted);
}

for (const [group, cases] of Object.entries(GROUPS)) {
  t.test(group, async (t) => {
    const wire = await startListening(t, { limits: { maxPushBytes: 2000 } });
    await makeQueue(wire);
    for (const one of cases) t.strictSame(await complaintAbout(wire.port, one), undefined, one.name);
    t.ok(await isStored(wire, cases), 'nothing else is stored');
  });
}

t.ok(Object.values(GROUPS).flat().length >= 80);

t.test('the check finds a server that answers everything', async (t) => {
  const careless = createServer({ insecureHTTPParser: true, requireHostHeader: false }, (request, response) => {
    request.resume().on('end', () => response.setHeader('connection', 'close').end());
  }).listen(0, '127.0.0.1');
  careless.on('upgrade', (_, socket) => socket.end());
  t.teardown(() => careless.close());
  await once(careless, 'listening');
  const { port } = careless.address() as AddressInfo;
  for (const [group, cases] of Object.entries(GROUPS)) {
    const complaints = [];
    for (const one of cases) complaints.push(await complaintAbout(port, one, CONTROL_MS));
    t.ok(complaints.filter((complaint) => complaint !== undefined).length > cases.length / 4, group);
  }
});

t.test('the check finds this server with a lenient parser', async (t) => {
  const wire = await startListening(t, {
    limits: { maxPushBytes: 2000 },
    prepare: (app) => Object.assign(app.server, { insecureHTTPParser: true }),
  });
  await makeQueue(wire);
  const both = SMUGGLING.filter(({ name }) => name === 'both lengths');
  t.equal(both.length, 1);
  for (const one of both) t.not(await complaintAbout(wire.port, one, CONTROL_MS), undefined, one.name);
  t.notOk(await isStored(wire, both), 'what was to be refused is stored');
});
