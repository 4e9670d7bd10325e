/**
 * What is recorded for power cuts: pushes of one kind each, by one process after the other.
 */
import type { Plan } from '../plan.js';

const KIB = 1024;

/** What is recorded. */
export interface Workload {
  readonly name: string;
  /** Whether its queue `main` rotates. */
  readonly rotates: boolean;
  /** Whether that is copied while it is pushed to, in each life. */
  readonly copies?: boolean;
  readonly plan: Omit<Plan, 'directory' | 'seed' | 'life' | 'dies'>;
  /** Whether each process of it is killed. */
  readonly lives: readonly boolean[];
}

const BASE = {
  queues: ['main'],
  writers: 4,
  inFlight: 2,
  sessions: 1,
  creates: 0,
  handles: null,
  acknowledgesEarly: false,
};
export const WORKLOADS: readonly Workload[] = [
  {
    name: 'small pushes, folded',
    rotates: true,
    plan: {
      ...BASE,
      pushes: 25,
      most: 4,
      longest: 120,
      limits: { maxMessages: 40, maxBytes: 64 * KIB, maxMessageBytes: 2 * KIB },
    },
    lives: [true, true, false],
  },
  {
    name: 'mixed, rotating by bytes',
    rotates: true,
    plan: {
      ...BASE,
      pushes: 15,
      most: 20,
      longest: 30 * KIB,
      limits: { maxBytes: 256 * KIB, maxMessageBytes: 32 * KIB },
    },
    lives: [true, true, true, false],
  },
  {
    name: 'large, no reserve',
    rotates: true,
    plan: {
      ...BASE,
      pushes: 10,
      most: 4,
      longest: 300 * KIB,
      limits: { maxBytes: 1024 * KIB, maxMessageBytes: 300 * KIB, reserve: false },
    },
    lives: [true, false],
  },
  {
    name: 'creating',
    rotates: false,
    plan: {
      ...BASE,
      pushes: 3,
      most: 4,
      longest: KIB,
      sessions: 2,
      creates: 2,
      limits: { maxMessages: 20, maxBytes: 16 * KIB, maxMessageBytes: KIB },
    },
    lives: [false, true, false],
  },
  {
    name: 'cursors and producers',
    rotates: true,
    plan: {
      ...BASE,
      pushes: 15,
      most: 3,
      longest: 200,
      consumers: 2,
      named: true,
      // All pushes that a cut leaves open have room in it together: 4 writers with 2 of 3 messages each, in 2 lives.
      limits: { maxMessages: 60, maxBytes: 64 * KIB, maxMessageBytes: 2 * KIB },
    },
    lives: [true, true, false],
  },
  {
    name: 'removing and making again',
    rotates: false,
    plan: {
      ...BASE,
      writers: 2,
      pushes: 8,
      most: 4,
      longest: KIB,
      deletes: 3,
      limits: { maxMessages: 200, maxBytes: 64 * KIB, maxMessageBytes: KIB },
    },
    lives: [false, true, false],
  },
  {
    name: 'copied while pushed to',
    rotates: true,
    copies: true,
    plan: {
      ...BASE,
      pushes: 40,
      most: 4,
      longest: KIB,
      limits: { maxMessages: 120, maxBytes: 64 * KIB, maxMessageBytes: 2 * KIB },
    },
    lives: [false, true],
  },
];
