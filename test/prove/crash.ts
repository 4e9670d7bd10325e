/**
 * Kill -9 of a process that pushes from eight writers, at random moments, round after round on the same files.
 */
import { join } from 'node:path';
import { MISREADINGS, misreading } from './controls/replace.js';
import { Crasher } from './crash/crasher.js';
import { MOMENTS, RECOVERING } from './crash/moments.js';
import { type Found, judge } from './judge.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';

/** The control gets so many rounds to be caught. */
const CONTROL_ROUNDS = 20;

/** Pushes are acknowledged before they are durable: some round must lose one. */
async function early(trial: Trial): Promise<Control> {
  const crasher = new Crasher(join(trial.directory, 'control'), new Random(trial.seed).fork(2), true);
  for (let i = 0; i < CONTROL_ROUNDS; i++) {
    const wrong = (await crasher.round()).filter((text) => /acknowledged id \d+ is lost/.test(text));
    if (wrong.length > 0) return { name: 'acknowledged before it is durable', caught: `round ${i}: ${wrong[0]}` };
  }
  return { name: 'acknowledged before it is durable', caught: undefined };
}

/** What was found, made wrong in one way each. */
function tamper(found: Found): Record<string, Found> {
  const runs = [...found.runs];
  const last = runs.pop()!;
  const first = runs.shift()!;
  let id = found.oldest;
  const swapped = [last, ...runs, first].map((run) => {
    id += run.count;
    return { ...run, first: id - run.count };
  });
  const { messages, byRoom } = found.rotated;
  const kept = found.next - found.oldest;
  const emptied = { ...found.rotated, messages: messages + kept, byRoom: byRoom + kept };
  return {
    lost: { ...found, runs: [first, ...runs], next: last.first },
    doubled: { ...found, runs: [...found.runs, { ...last, first: found.next }], next: found.next + last.count },
    reordered: { ...found, runs: swapped },
    'lost, booked as want of room': { ...found, runs: [], oldest: found.next, bytes: 0, rotated: emptied },
  };
}

function tampered(found: readonly Found[]): Control[] {
  const one = found.find(({ runs }) => runs.length > 2);
  if (one === undefined) return [{ name: 'findings made wrong', caught: undefined }];
  const plain = { ...one, later: { acks: [], runs: [] } };
  const acks = one.runs.map((run) => ({ ...run, queue: one.queue }));
  return Object.entries(tamper(plain)).map(([name, wrong]) => ({ name, caught: judge(wrong, acks)[0] }));
}

/** What the last round left, read wrong. */
async function misread(crasher: Crasher): Promise<Control[]> {
  const controls: Control[] = [];
  for (const [way, says] of Object.entries(MISREADINGS)) {
    const wrong = await crasher.examinedBy(misreading(way));
    controls.push({ name: `read ${way}`, caught: wrong.find((text) => says.test(text)) });
  }
  return controls;
}

async function prove(trial: Trial): Promise<Outcome> {
  const crasher = new Crasher(join(trial.directory, 'queues'), new Random(trial.seed).fork(1), false);
  const violations: string[] = [];
  let rounds = 0;
  while (rounds < trial.rounds && performance.now() < trial.endMs) {
    violations.push(...(await crasher.round()).map((text) => `round ${rounds}: ${text}`));
    trial.progress(++rounds, trial.rounds, `${crasher.ledger.messages} messages acknowledged`);
  }
  const { kills, ledger, rotated, rotations } = crasher;
  return {
    rounds,
    facts: [
      ['messages acknowledged', ledger.messages],
      ['messages rotated', rotated],
      ['rounds with rotation by count', rotations.byCount],
      ['rounds with rotation by bytes', rotations.byBytes],
      ['rounds with rotation by age', rotations.byAge],
    ],
    table: [
      ['killed while', 'kills', 'in the middle of it'],
      ...[...MOMENTS, RECOVERING].map(({ name }) => {
        const { all = 0, inIt = 0 } = kills.get(name) ?? {};
        return [name, String(all), String(inIt)];
      }),
    ],
    violations,
    controls: [await early(trial), ...tampered(crasher.last), ...(await misread(crasher))],
  };
}

export const crash: Proof = {
  about: 'kill -9 of a process that opens, creates, pushes, rotates, deletes, copies, closes, and of one that recovers',
  round: 'kills',
  rounds: 500,
  run: prove,
};
