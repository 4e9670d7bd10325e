/**
 * Clients of both platforms, and a clock that does not make tests wait.
 */
import { setImmediate } from 'node:timers/promises';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { connect as connectNode, type RoteraClient } from '../../src/client/node.js';
import type { Clock } from '../../src/client/retry.js';
import { connect as connectWeb } from '../../src/client/web.js';

// Node 20 has no WebSocket of its own; what a browser has is like this one, but for what it can do besides.
globalThis.WebSocket ??= WebSocket as unknown as typeof globalThis.WebSocket;

/** Waits are noted, and over at once. */
export class SwiftClock implements Clock {
  readonly waits: number[] = [];
  #now = 0;

  now = (): number => this.#now;
  random = (): number => 0.5;
  sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    this.waits.push(ms);
    this.#now += ms;
    await setImmediate();
    signal?.throwIfAborted();
  };
}

export type Connect = typeof connectNode;

/** Runs a suite with the client of Node and with that of browsers. */
export function onBothPlatforms(t: Test, name: string, suite: (t: Test, connect: Connect) => Promise<void>): void {
  t.test(`${name} (node)`, (t) => suite(t, connectNode));
  t.test(`${name} (web)`, (t) => suite(t, connectWeb));
}

export type { RoteraClient };
