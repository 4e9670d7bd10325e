/**
 * What a process is doing when it is killed.
 */
import type { Plan, Said } from '../plan.js';
import type { Random } from '../random.js';

/** Rotated by bytes, rotated by count: small, so that both happen in every round. */
const LIMITS = { maxMessages: 2000, maxBytes: 1024 * 1024, maxMessageBytes: 64 * 1024 };
/** So small, or so soon too old, that every push rotates, by the one limit each. */
const MESSAGE_BYTES = 4096;
const ROTATING = {
  'by-count': { maxMessages: 4, maxBytes: 1024 * 1024, maxMessageBytes: MESSAGE_BYTES },
  'by-bytes': { maxMessages: 2000, maxBytes: 3 * MESSAGE_BYTES, maxMessageBytes: MESSAGE_BYTES },
  'by-age': { maxMessages: 2000, maxBytes: 1024 * 1024, maxMessageBytes: MESSAGE_BYTES, maxAgeSeconds: 1 },
} as const;

/** What a plan says but for the round's own numbers. */
type Work = Omit<Plan, 'directory' | 'seed' | 'life'>;

/** Killed some time after it said a word, at most so many ms: not always the first time, but after at most so many others. */
export interface Moment {
  readonly name: string;
  readonly after: Said['is'];
  /** What it says when the moment has passed. */
  readonly until: Said['is'];
  readonly withinMs: number;
  readonly skips: number;
  readonly weight: number;
  readonly work?: Partial<Work>;
  /** Whether a copy of a queue is under way, and then it or the process that pushes is killed. */
  readonly copies?: boolean;
}

export const MOMENTS: readonly Moment[] = [
  { name: 'opening', after: 'opening', until: 'opened', withinMs: 30, skips: 3, weight: 2 },
  {
    name: 'creating a queue',
    after: 'creating',
    until: 'created',
    withinMs: 20,
    skips: 3,
    weight: 3,
    work: { creates: 2 },
  },
  {
    name: 'pushing',
    after: 'pushed',
    until: 'closing',
    withinMs: 100,
    skips: 40,
    weight: 3,
    work: { pushes: 300 },
  },
  {
    name: 'rotating with every push',
    after: 'pushed',
    until: 'closing',
    withinMs: 100,
    skips: 40,
    weight: 4,
    work: {
      queues: Object.keys(ROTATING),
      limitsOf: ROTATING,
      pushes: 1000,
      most: 3,
      shortest: MESSAGE_BYTES / 2,
      longest: MESSAGE_BYTES,
      hurries: true,
    },
  },
  {
    name: 'deleting a queue',
    after: 'deleting',
    until: 'creating',
    withinMs: 8,
    skips: 3,
    weight: 3,
    work: { deletes: 2 },
  },
  {
    name: 'copying a queue',
    after: 'pushed',
    until: 'closing',
    withinMs: 20,
    skips: 10,
    weight: 3,
    work: { pushes: 300 },
    copies: true,
  },
  { name: 'closing', after: 'closing', until: 'closed', withinMs: 1, skips: 3, weight: 2 },
];

/** What is killed in its turn: the process that opens what another left that was killed. */
export const RECOVERING: Moment = {
  name: 'recovering from a kill',
  after: 'opening',
  until: 'opened',
  withinMs: 30,
  skips: 1,
  weight: 0,
  work: { queues: [] },
};

const WEIGHTED = MOMENTS.flatMap((moment) => Array.from({ length: moment.weight }, () => moment));

export const anyMoment = (random: Random): Moment => random.pick(WEIGHTED);

/** What the process does that is to be killed at a moment. */
export const workOf = (moment: Moment, random: Random, acknowledgesEarly: boolean): Work => ({
  queues: ['first', 'second', 'third'],
  limits: { ...LIMITS, reserve: random.chance(0.5) },
  // The control must know the ids beforehand: then nothing is pushed at the same time.
  writers: acknowledgesEarly ? 3 : 8,
  inFlight: acknowledgesEarly ? 1 : 3,
  pushes: random.spread(2, 60),
  sessions: null,
  most: 200,
  longest: LIMITS.maxMessageBytes,
  creates: 0,
  dies: false,
  handles: null,
  acknowledgesEarly,
  ...moment.work,
});
