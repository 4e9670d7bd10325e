/**
 * A clock that jumps: ids and times of messages only grow, and age takes what is too old and nothing else.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from '../../src/client/node.js';
import { type Replacement, replaced } from './controls/replace.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';
import { Server } from './server.js';
import { Sequence } from './time/sequence.js';

const CLOCK = fileURLToPath(new URL('./time/clock.js', import.meta.url));
/** A place where clocks are set twice a year. */
const TZ = 'Europe/Berlin';
/** A control is given so many sequences to be caught: few of them have messages that become too old just then. */
const CONTROL_SEQUENCES = 300;

interface Seen {
  readonly sequences: readonly Sequence[];
  readonly wrong: readonly string[];
}

/** Sequences on one server, one after the other, until something is wrong. */
async function sequences(
  directory: string,
  { seed, replacements = [] }: { readonly seed: number; readonly replacements?: readonly Replacement[] },
  goesOn: (done: number) => boolean,
): Promise<Seen> {
  mkdirSync(directory);
  const { imports, env } = replaced(replacements);
  const wrong: string[] = [];
  const hear = (line: string): void => void wrong.push(`the server wrote to standard error: ${line}`);
  const server = new Server(directory, { imports: [CLOCK, ...imports], env: { ...env, TZ }, hear });
  const done: Sequence[] = [];
  try {
    await server.start();
    const client = connect({ url: server.url });
    while (goesOn(done.length) && wrong.length === 0) {
      const sequence = new Sequence(done.length, server, client, new Random(seed).fork(done.length));
      done.push(await sequence.run());
      wrong.push(...sequence.wrong);
    }
    await client.close();
    return { sequences: done, wrong };
  } finally {
    server.kill();
  }
}

/** @param sees what is said of that fault, and of no other */
async function control(
  name: string,
  { seed, directory }: Trial,
  replacement: Replacement,
  sees: RegExp,
): Promise<Control> {
  const options = { seed, replacements: [replacement] };
  const { wrong } = await sequences(
    join(directory, replacement.by.slice(2)),
    options,
    (done) => done < CONTROL_SEQUENCES,
  );
  return { name, caught: wrong.find((text) => sees.test(text)) };
}

async function prove(trial: Trial): Promise<Outcome> {
  const { directory, seed, rounds, endMs, progress } = trial;
  const seen = await sequences(join(directory, 'rots'), { seed }, (done) => {
    progress(done, rounds);
    return done < rounds && performance.now() < endMs;
  });
  const sum = (of: (sequence: Sequence) => number): number => seen.sequences.reduce((all, one) => all + of(one), 0);
  const jumps = new Map<string, number>();
  for (const sequence of seen.sequences)
    for (const [name, times] of sequence.jumps) jumps.set(name, (jumps.get(name) ?? 0) + times);
  return {
    rounds: seen.sequences.length,
    facts: [
      ['messages pushed', sum(({ pushed }) => pushed)],
      ['messages that age took', sum(({ aged }) => aged)],
      ...[...jumps].map(([name, times]): [string, number] => [`clock: ${name}`, times]),
    ],
    violations: seen.wrong,
    controls: [
      await control(
        'an engine that trusts the clock',
        trial,
        { module: '/src/queue/layout.js', by: './layout.js' },
        /has time/,
      ),
      await control(
        'age that takes one too many',
        trial,
        { module: '/src/queue/retention.js', by: './hasty.js' },
        /young enough/,
      ),
      await control(
        'reads that leave out their last message',
        trial,
        { module: '/src/queue/read.js', by: './skipping.js' },
        /messages for ids/,
      ),
    ],
  };
}

export const time: Proof = {
  about:
    'a clock that jumps, at leap seconds and summer time: times only grow, and age takes what is too old and no more',
  round: 'sequences of jumps, pushes and reads',
  rounds: 200,
  run: prove,
};
