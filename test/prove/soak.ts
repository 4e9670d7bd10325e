/**
 * A queue that is rotated a hundred times and more with messages of mixed sizes: its file, its speed and its memory must stay
 * what they were.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ChildOptions, complaintAbout, run } from './child.js';
import type { Rotation, Soaking } from './children/soaker.js';
import { MISREADINGS, misreading } from './controls/replace.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';

const MIB = 1024 * 1024;
const QUEUE_BYTES = 64 * MIB;
/** Rotations shown as one row, at least. */
const TEN = 10;
/** The first and the last quarter are compared, of so many rotations at least: the disk itself has worse and better half minutes. */
const LEAST_COMPARED = 2 * TEN;
/** The last must be at least so fast, compared with the first. */
const LEAST_SPEED = 0.9;
/** Memory may grow so far from the first to the last: what the allocator does not give back. */
const MOST_GROWTH = 1.1;
const SPARE_MEMORY = 8 * MIB;
/** A filesystem may count blocks of its own as the file's, such as those that list its pieces. */
const SPARE_BLOCKS = 64 * 1024;
/** How long one rotation may take before the run counts as hung; ms. */
const ROTATION_MS = 120_000;

const sum = (rotations: readonly Rotation[], of: (rotation: Rotation) => number): number =>
  rotations.reduce((total, rotation) => total + of(rotation), 0);
const most = (rotations: readonly Rotation[], of: (rotation: Rotation) => number): number =>
  Math.max(...rotations.map(of));
const speed = (rotations: readonly Rotation[]): number =>
  sum(rotations, ({ bytes }) => bytes) / sum(rotations, ({ seconds }) => seconds);

/** Everything that a hundred rotations must not show. */
function* complaints(rotations: readonly Rotation[]): Generator<string> {
  for (const [i, { file, limit, wrong }] of rotations.entries()) {
    const bytes = Math.max(file.told, file.size, file.blocks - SPARE_BLOCKS);
    if (bytes > limit) yield `rotation ${i}: the file took ${bytes} bytes, its limit is ${limit}`;
    for (const text of wrong) yield `rotation ${i}: ${text}`;
  }
  if (rotations.length < LEAST_COMPARED) return;
  const quarter = Math.max(TEN, Math.floor(rotations.length / 4));
  const first = rotations.slice(0, quarter);
  const last = rotations.slice(-quarter);
  const share = speed(last) / speed(first);
  if (share < LEAST_SPEED) yield `the last ${quarter} rotations had ${share.toFixed(2)} of the speed of the first`;
  const before = most(first, ({ memory }) => memory);
  const after = most(last, ({ memory }) => memory);
  if (after > before * MOST_GROWTH + SPARE_MEMORY) yield `memory grew from ${before} to ${after} bytes`;
}

const mib = (bytes: number): string => (bytes / MIB).toFixed(1);

function row(rotations: readonly Rotation[], from: number): string[] {
  return [
    `${from + 1}-${from + rotations.length}`,
    mib(speed(rotations)),
    String(sum(rotations, ({ messages }) => messages)),
    String(sum(rotations, ({ pushes }) => pushes)),
    mib(most(rotations, ({ file }) => Math.max(file.told, file.size))),
    mib(most(rotations, ({ file }) => file.blocks)),
    mib(most(rotations, ({ limit }) => limit)),
    mib(most(rotations, ({ memory }) => memory)),
  ];
}

/** At most twenty rows, of ten rotations each or of more. */
function table(rotations: readonly Rotation[]): string[][] {
  const size = Math.max(TEN, Math.ceil(rotations.length / 20));
  const rows = [['rotations', 'MiB/s', 'messages', 'pushes', 'file MiB', 'blocks MiB', 'limit MiB', 'memory MiB']];
  for (let at = 0; at < rotations.length; at += size) rows.push(row(rotations.slice(at, at + size), at));
  return rows;
}

/** The same run, with one thing wrong each time. */
function tamper(rotations: readonly Rotation[]): Control[] {
  const enough = Array.from({ length: LEAST_COMPARED }, (_, i) => rotations[i % rotations.length] as Rotation);
  const changed = (change: (rotation: Rotation) => Rotation): Rotation[] => [
    ...enough.slice(0, TEN),
    ...enough.slice(TEN).map(change),
  ];
  const even = changed((rotation) => rotation).map((rotation) => ({ ...rotation, ...enough[0], wrong: [] }));
  const wrong: Record<string, Rotation[]> = {
    'a file past its limit': changed((one) => ({ ...one, file: { ...one.file, size: one.limit + 4096 } })),
    'a slower end': even.map((one, i) => (i < TEN ? one : { ...one, seconds: one.seconds / 0.85 })),
    'memory that grows': even.map((one, i) => ({ ...one, memory: one.memory + i * 8 * MIB })),
  };
  return Object.entries(wrong).map(([name, altered]) => ({ name, caught: [...complaints(altered)][0] }));
}

async function soakOnce(
  job: Soaking,
  trial: Trial,
  { shown = false, ...subject }: { readonly shown?: boolean } & Pick<ChildOptions, 'imports' | 'env'> = {},
): Promise<{ rotations: Rotation[]; wrong: string[] }> {
  const rotations: Rotation[] = [];
  mkdirSync(job.directory);
  const ended = await run('soaker', job, {
    ...subject,
    deadlineMs: Math.min(2 ** 31 - 1, job.rotations * ROTATION_MS),
    hear: (said) => {
      rotations.push(said as Rotation);
      if (shown) trial.progress(rotations.length, trial.rounds, `${mib(speed(rotations.slice(-1)))} MiB/s`);
    },
  });
  const complaint = complaintAbout(ended);
  return { rotations, wrong: [...complaints(rotations), ...(complaint === undefined ? [] : [complaint])] };
}

async function prove(trial: Trial): Promise<Outcome> {
  const { seed, endMs, directory } = trial;
  const forMs = endMs - performance.now();
  const common = { seed, maxBytes: QUEUE_BYTES, forMs, complains: false };
  const job = { ...common, directory: join(directory, 'soak'), rotations: trial.rounds };
  const { rotations, wrong } = await soakOnce(job, trial, { shown: true });
  const short = { ...common, forMs: ROTATION_MS, maxBytes: 16 * MIB, rotations: 1 };
  const noise = await soakOnce({ ...short, directory: join(directory, 'noise'), complains: true }, trial);
  const misread: Control[] = [];
  for (const [way, says] of Object.entries(MISREADINGS)) {
    const { wrong } = await soakOnce({ ...short, directory: join(directory, way) }, trial, misreading(way));
    misread.push({ name: `messages that are read ${way}`, caught: wrong.find((text) => says.test(text)) });
  }
  return {
    rounds: rotations.length,
    facts: [],
    table: table(rotations),
    violations: wrong,
    controls: [
      ...tamper(rotations),
      ...misread,
      { name: 'a line on standard error', caught: noise.wrong.find((text) => /freelist/.test(text)) },
    ],
  };
}

export const soak: Proof = {
  about: 'a 64 MiB queue rotated with messages of 20 B to 1 MiB: file, speed and memory stay the same',
  round: 'rotations',
  rounds: 100,
  lasting: true,
  run: prove,
};
