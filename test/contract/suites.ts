/**
 * Every suite of the contract that runs over any transport.
 */
import { access } from './access.js';
import { create } from './create.js';
import { cursors } from './cursors.js';
import { errors } from './errors.js';
import { message } from './message.js';
import { origins } from './origins.js';
import { producers } from './producers.js';
import { pushes } from './push.js';
import { pushSocket } from './push-socket.js';
import { reads } from './read.js';
import { stats } from './stat.js';
import { tailCursors } from './tail-cursors.js';
import { tailEvents } from './tail-events.js';
import { tailSocket, tails } from './tail-socket.js';
import type { Suite } from './words.js';

export const suites: Readonly<Record<string, Suite>> = {
  create,
  push: pushes,
  producers,
  'push over a WebSocket': pushSocket,
  read: reads,
  'one message': message,
  cursors,
  tail: tails,
  'tail over rotera.v1': tailSocket('rotera.v1'),
  'tail over rotera.batch.v1': tailSocket('rotera.batch.v1'),
  'tail with a cursor': tailCursors,
  'tail as server-sent events': tailEvents,
  stat: stats,
  access,
  origins,
  errors,
};
