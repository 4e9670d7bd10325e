/**
 * The queues of an endurance run: so small that each rotates many times, each by another limit.
 */
import type { CreateLimits } from '../../../src/client/node.js';

/** A queue, and what is pushed to it. */
export interface Load {
  readonly name: string;
  readonly limits: CreateLimits;
  /** Who pushes, each one push after the other. With one, the id of a message is its number. */
  readonly writers: number;
  /** Between the beginnings of two pushes of a writer; ms. */
  readonly everyMs: number;
  /** Most messages of a push. */
  readonly most: number;
  /** Least and most bytes of a message. */
  readonly sizes: readonly [number, number];
  /** By requests, or by the frames of a WebSocket, a message each. */
  readonly way: 'requests' | 'frames';
}

const KIB = 1024;
const MIB = 1024 * KIB;
const requests = { writers: 1, way: 'requests' } as const;

/** About 210 pushes a second in all. */
export const LOADS: readonly Load[] = [
  {
    ...requests,
    name: 'by-count',
    limits: { maxMessages: 2000, maxBytes: 8 * MIB },
    everyMs: 33,
    most: 1,
    sizes: [20, 2 * KIB],
  },
  { ...requests, name: 'by-bytes', limits: { maxBytes: 4 * MIB }, everyMs: 50, most: 32, sizes: [20, 8 * KIB] },
  {
    ...requests,
    name: 'by-age',
    limits: { maxAgeSeconds: 30, maxBytes: 8 * MIB },
    everyMs: 50,
    most: 4,
    sizes: [20, KIB],
  },
  {
    ...requests,
    name: 'tiny',
    limits: { maxMessages: 500, maxBytes: 256 * KIB, reserve: false },
    everyMs: 25,
    most: 1,
    sizes: [20, 40],
  },
  { ...requests, name: 'large', limits: { maxBytes: 8 * MIB }, everyMs: 1000, most: 2, sizes: [64 * KIB, MIB] },
  {
    ...requests,
    name: 'consumed',
    limits: { maxMessages: 5000, maxBytes: 8 * MIB },
    everyMs: 50,
    most: 16,
    sizes: [20, KIB],
  },
  {
    name: 'frames',
    limits: { maxBytes: 2 * MIB },
    writers: 1,
    everyMs: 25,
    most: 1,
    sizes: [20, 4 * KIB],
    way: 'frames',
  },
  {
    name: 'shared',
    limits: { maxMessages: 3000, maxBytes: 4 * MIB },
    writers: 4,
    everyMs: 100,
    most: 8,
    sizes: [20, 2 * KIB],
    way: 'requests',
  },
];

/** Most writers of a queue: a message names its queue and its writer by one number. */
const MOST_WRITERS = 16;

/** The number in a message that names its writer, and with that its queue. */
export const writerNumber = (load: Load, writer: number): number => LOADS.indexOf(load) * MOST_WRITERS + writer;

/** The queue that a writer's number belongs to. */
export const loadOfWriter = (number: number): Load | undefined => LOADS[Math.floor(number / MOST_WRITERS)];
