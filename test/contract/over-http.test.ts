/**
 * The contract, asked over real HTTP and real WebSockets.
 */
import t from 'tap';
import { startListening } from '../support/wire.js';
import { suites } from './suites.js';

for (const [name, suite] of Object.entries(suites)) t.test(name, async (t) => suite(t, startListening));
