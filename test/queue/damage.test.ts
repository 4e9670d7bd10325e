/**
 * The property that matters: no damaged file ends, hangs or misleads the process that opens it. The same is done thousands of
 * times by test/prove/damaged.ts.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { walkPages } from '../../src/queue/pages/walk.js';
import {
  type Damaged,
  foreign,
  harmAnything,
  harmData,
  harmLength,
  harmStructure,
  newerFormat,
  type Random,
  random,
} from '../support/damage.js';
import { isData, reaches } from '../support/reach.js';
import { Victims } from '../support/victims.js';
import { fillQueue } from '../support/workload.js';

const SEED = 20_260_802;
const FILES = 210;
const PUSHES = 14;

const directory = t.testdir();
const workload = { limits: { maxBytes: 128 * 1024, reserve: false }, pushes: 250, most: 30, seed: 1 };
const kept = await fillQueue(directory, 'sound', workload);
await fillQueue(directory, 'good', { ...workload, pushes: 3 });
const sound = readFileSync(join(directory, 'sound.rot'));
const reach = reaches(sound, kept.next);
mkdirSync(join(directory, 'server'));
const victims = Victims.create(join(directory, 'server'), { good: join(directory, 'good.rot'), pushes: PUSHES });
t.teardown(() => victims.close());

/** One of each six is damaged in this way. */
const KINDS: ReadonlyArray<(next: Random) => Damaged> = [
  (next) => harmStructure(sound, next),
  (next) => harmData(sound, next),
  (next) => harmStructure(sound, next),
  (next) => harmAnything(sound, next),
  (next) => harmStructure(sound, next),
  (next) => (next(8) > 0 ? harmLength(sound, next) : next(2) === 0 ? foreign(next) : newerFormat(sound)),
];

t.test('a sound file is read whole and written on', async (t) => {
  const { oldest, next } = kept;
  const outcome = {
    refused: '',
    wrong: 0,
    damaged: 0,
    read: next - oldest,
    oldest,
    next,
    pushes: '',
    whole: true,
    others: true,
  };
  t.same(await victims.try(sound), outcome);
});

t.test(`${FILES} damaged files of seed ${SEED} end nothing, hang nothing, mislead nobody`, async (t) => {
  const next = random(SEED);
  const counts = { refused: 0, opened: 0 };
  for (let file = 0; file < FILES; file++) {
    const { what, bytes, page } = (KINDS[file % KINDS.length] as (next: Random) => Damaged)(next);
    writeFileSync(join(directory, 'walked'), bytes);
    const walk = walkPages(join(directory, 'walked'));
    const fate = await victims.try(bytes);
    const name = `${file}: ${what}`;
    if ('killed' in fate) {
      t.same(fate, {}, name);
      continue;
    }
    t.equal(fate.others, true, name);
    if (fate.refused !== '') {
      counts.refused++;
      t.match(fate.refused, /^(not_a_rot_file|queue_unreadable)$/, name);
      t.notOk(isData(reach(page)), `${name}: only messages of one block`);
      continue;
    }
    counts.opened++;
    t.equal(walk.ok, true, name);
    const { wrong, oldest, next: end, pushes, whole } = fate;
    const right = { wrong: 0, oldest: kept.oldest, end: kept.next, pushes: '', whole: true };
    t.same({ wrong, oldest, end, pushes, whole }, right, name);
    t.equal(fate.read + fate.damaged, kept.next - kept.oldest, name);
    t.ok(fate.damaged <= reach(page).messages, `${name}: ${fate.damaged} told as damaged`);
  }
  t.ok(counts.refused > FILES / 4 && counts.opened > FILES / 4, JSON.stringify(counts));
});
