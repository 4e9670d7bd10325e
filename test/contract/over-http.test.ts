/**
 * The contract, asked over real HTTP and real WebSockets.
 */
import t from 'tap';
import { startListening } from '../support/wire.js';
import { draining } from './draining.js';
import { suites } from './suites.js';

// A busy machine takes its time.
t.setTimeout(600_000);
for (const [name, suite] of Object.entries({ ...suites, draining }))
  t.test(name, async (t) => suite(t, startListening));
