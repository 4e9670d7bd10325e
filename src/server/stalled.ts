/**
 * Clients that take nothing of what is sent to them.
 */
import { Socket } from 'node:net';

/**
 * Calls whenever nothing came over a connection, and nothing of what was written to it was taken, for half of `stalledMs` at the least and
 * for all of it at the most. However slow, who takes something is not stalled: Node's timer of a socket begins anew with whatever
 * the system has taken of a write, but looks only when it is over (`_onTimeout` in lib/net.js). From now on nothing else happens
 * when that timer is over.
 */
export function whenStalled(wire: Socket, stalledMs: number, call: () => void): void {
  // What is injected, without a network, has no time.
  if (!(wire instanceof Socket)) return;
  wire.removeAllListeners('timeout').on('timeout', () => {
    call();
    // By itself it begins again with the next byte only.
    if (!wire.destroyed) wire.setTimeout(stalledMs / 2);
  });
  wire.setTimeout(stalledMs / 2);
}
