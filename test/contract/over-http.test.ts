/**
 * The contract, asked over real HTTP and real WebSockets; and that no code of it is left out.
 */
import t from 'tap';
import { errorCodes } from '../../src/errors.js';
import { seen } from '../support/seen.js';
import { startListening } from '../support/wire.js';
import { draining } from './draining.js';
import { limits } from './limits.js';
import { suites } from './suites.js';

/** Codes that no answer of a server has, each with the reason. */
const NOT_AT_THE_WIRE: Readonly<Record<string, string>> = {
  bad_config: 'said at the start',
  in_use: 'said at the start: another server has the directory or the port',
  file_exists: 'said when a file is copied or made; a create finds the queue that is there instead',
  not_a_rot_file: 'said when a file is opened; at the wire its queue is queue_unreadable, with this as the reason',
  unreachable: 'said by the client',
  not_rotera: 'said by the client',
};

// A busy machine takes its time.
t.setTimeout(600_000);
for (const [name, suite] of Object.entries({ ...suites, draining }))
  t.test(name, async (t) => suite(t, startListening));
t.test('limits', async (t) => limits(t));

t.test('every code that can come over the wire has come, and no other', async (t) => {
  const wanted = errorCodes.filter((code) => !(code in NOT_AT_THE_WIRE));
  t.strictSame([...seen].sort(), [...wanted].sort());
});
