/**
 * Raw HTTP: what is ambiguous is refused and its connection closed, what is well formed is answered in order, and nothing but
 * what was accepted is stored.
 */
import t from 'tap';
import { exchange } from '../support/raw.js';
import { startListening } from '../support/wire.js';
import { BODIES, HOSTS, type RawCase, REQUESTS, SMUGGLING, UPGRADES } from './raw-cases.js';
import { dataOf, makeQueue, read } from './words.js';

const GROUPS: Readonly<Record<string, readonly RawCase[]>> = {
  'requests that could be taken for others': SMUGGLING,
  hosts: HOSTS,
  requests: REQUESTS,
  bodies: BODIES,
  upgrades: UPGRADES,
};

for (const [group, cases] of Object.entries(GROUPS)) {
  t.test(group, async (t) => {
    const wire = await startListening(t, { limits: { maxPushBytes: 2000 } });
    await makeQueue(wire);
    const kept: string[] = [];
    for (const { name, bytes, answers: wanted, closes, stores = [] } of cases) {
      const { answers, closed } = await exchange(wire.port, bytes, closes ? Number.POSITIVE_INFINITY : wanted.length);
      const got = answers.map(({ status, code }, i) => (typeof wanted[i] === 'number' ? status : (code ?? status)));
      t.strictSame([got, closed], [wanted, closes], name);
      for (const { headers } of answers.filter(({ code }) => code !== undefined))
        t.match(headers, { 'content-type': /^application\/problem\+json/, 'x-content-type-options': 'nosniff' });
      kept.push(...stores);
    }
    t.strictSame(dataOf(await read(wire)), kept, 'nothing else is stored');
  });
}

t.ok(Object.values(GROUPS).flat().length >= 80);
