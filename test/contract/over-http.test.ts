/**
 * The contract, asked over real HTTP and real WebSockets; and that no code of it is left out.
 */
import t from 'tap';
import { WIRE_CODES } from '../support/codes.js';
import { seen } from '../support/seen.js';
import { startListening } from '../support/wire.js';
import { draining } from './draining.js';
import { limits } from './limits.js';
import { suites } from './suites.js';

// A busy machine takes its time.
t.setTimeout(600_000);
for (const [name, suite] of Object.entries({ ...suites, draining }))
  t.test(name, async (t) => suite(t, startListening));
t.test('limits', async (t) => limits(t));

t.test('every code that can come over the wire has come, and no other', async (t) =>
  t.strictSame([...seen].sort(), [...WIRE_CODES].sort()),
);
