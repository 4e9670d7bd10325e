/**
 * Upgrades of connections. Node looks after a connection no longer once its client asks for one: not for its end, nor its time.
 */
import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { RoteraError } from '../errors.js';
import type { Connections } from './connections.js';
import type { Malformed } from './malformed.js';

/**
 * Tells of the upgrades that can be answered at once, as the server does of all. One that comes while its connection waits for
 * another answer is refused behind that: it could have no answer of its own.
 */
export function upgradesOf(server: Server, connections: Connections, malformed: Malformed): EventEmitter {
  const upgrades = new EventEmitter();
  server.on('upgrade', (request, socket: Socket, head) => {
    // Until it is a WebSocket: see stalled.ts.
    socket.on('timeout', () => socket.destroy());
    if (connections.unanswered(socket).length === 0) {
      upgrades.emit('upgrade', request, socket, head);
      return;
    }
    socket.on('error', () => socket.destroy());
    const accepted = 'when every earlier request of the connection is answered';
    const error = new RoteraError('bad_parameter', `Upgrade: accepted: ${accepted}.`, {
      parameter: 'Upgrade',
      accepted,
    });
    malformed.refuseWith(error, socket);
  });
  return upgrades;
}
