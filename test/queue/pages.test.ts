import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import t from 'tap';
import { batchOf } from '../../src/batch.js';
import { Block } from '../../src/queue/block.js';
import { blockKey, keyFirst } from '../../src/queue/block-store.js';
import { type Entry, Environment } from '../../src/queue/environment.js';
import { entriesOf, mendHeaders } from '../../src/queue/pages/values.js';
import { walkPages } from '../../src/queue/pages/walk.js';
import { Queues } from '../../src/queue/queues.js';
import { harmAnything, harmPage, random } from '../support/damage.js';
import { nodesOf, type PageUse, pagesFor, pageUses } from '../support/rot-pages.js';
import { fillQueue } from '../support/workload.js';

const PAGE = 4096;
const KIB = 1024;
const TREES: readonly PageUse[] = ['branch', 'leaf', 'free branch', 'free leaf'];

const directory = t.testdir();
const pathOf = (name: string): string => join(directory, `${name}.rot`);
const kept = await fillQueue(directory, 'small', {
  limits: { maxBytes: 256 * KIB, reserve: false },
  pushes: 400,
  most: 40,
  seed: 1,
});
await fillQueue(directory, 'large', {
  limits: { maxBytes: 2048 * KIB, reserve: false },
  pushes: 30,
  most: 12_000,
  seed: 2,
});
const small = readFileSync(pathOf('small'));
const large = readFileSync(pathOf('large'));

const scratch = openSync(pathOf('bytes'), 'w+');
t.teardown(() => closeSync(scratch));
let written = Buffer.alloc(0);

/** Walks a file with these bytes; only those that differ from the last ones are written. */
function walkBytes(bytes: Buffer, thorough = false) {
  ftruncateSync(scratch, bytes.length);
  for (let at = 0; at < bytes.length; at += PAGE) {
    const page = bytes.subarray(at, at + PAGE);
    if (!page.equals(written.subarray(at, at + PAGE))) writeSync(scratch, page, 0, page.length, at);
  }
  written = Buffer.from(bytes);
  return walkPages(scratch, { thorough });
}

/** What is wrong with a file with these bytes; undefined when nothing is. */
function faultOf(bytes: Buffer): { fault: string; page?: number } | undefined {
  const walk = walkBytes(bytes);
  if (walk.ok) return undefined;
  return walk.page === undefined ? { fault: walk.fault } : { fault: walk.fault, page: walk.page };
}

/** A copy with another number at a place of it. */
function withNumber(sound: Buffer, at: number, value: bigint): Buffer {
  const bytes = Buffer.from(sound);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value), at);
  return bytes;
}

t.test('every commit leaves a sound file, whatever is pushed', async (t) => {
  const sizes: ReadonlyArray<(next: (below: number) => number) => number> = [
    (next) => 1 + next(20),
    (next) => next(3000),
    (next) => next(120_000),
    (next) => 65_000 + next(1000),
  ];
  for (const [kind, size] of sizes.entries()) {
    const next = random(kind);
    let queues = await Queues.open(t.testdir(), { now: () => Date.now(), pollMs: 0 });
    const path = join(queues.directory, 'q.rot');
    await queues.create('q', { maxBytes: 400 * KIB, reserve: kind === 0 });
    for (let commit = 0; commit < 80; commit++) {
      const messages = Array.from({ length: 1 + next(3) }, () => Buffer.alloc(size(next)));
      await queues.get('q').push(batchOf(messages));
      const walk = walkPages(path, { thorough: true });
      if (!walk.ok) t.same(walk, undefined, `commit ${commit} of kind ${kind}`);
      if (commit % 40 !== 39) continue;
      await queues.close();
      queues = await Queues.open(queues.directory, { now: () => Date.now(), pollMs: 0 });
    }
    await queues.close();
    t.equal(walkPages(path, { thorough: true }).ok, true);
  }
});

t.test('deep trees, removals and copies are sound', async (t) => {
  const next = random(7);
  const path = join(t.testdir(), 'deep.rot');
  const environment = Environment.open(path);
  for (let commit = 0; commit < 40; commit++) {
    const entries = Array.from({ length: 800 }, (): Entry => {
      const key = blockKey(next(20_000), next(2));
      if (next(3) === 0) return { table: 'blocks', key, value: null };
      return { table: 'blocks', key, value: Buffer.alloc(next(20) === 0 ? next(9000) : next(300)) };
    });
    await environment.commit([
      ...entries,
      { table: 'cursors', key: Buffer.alloc(1 + next(900), next(9)), value: null },
    ]);
    const walk = walkPages(path, { thorough: true });
    if (!walk.ok) t.same(walk, undefined, `commit ${commit}`);
  }
  await environment.close();
  // As mdb_copy -c makes it.
  const options = { path, noSubdir: true, overlappingSync: false, safeRestore: true, maxDbs: 8 };
  const theirs = open(options as Parameters<typeof open>[0]);
  await theirs.backup(`${path}.copy`, true);
  await theirs.close();
  t.equal(walkPages(`${path}.copy`, { thorough: true }).ok, true);
  const copy = Environment.open(`${path}.copy`);
  await copy.commit([{ table: 'meta', key: Buffer.from('one'), value: Buffer.from('more') }]);
  await copy.close();
  t.equal(walkPages(`${path}.copy`, { thorough: true }).ok, true);
});

t.test('a file is sound after its writer was killed, and while it is written to', async (t) => {
  const directory = t.testdir();
  const path = join(directory, 'q.rot');
  const program = new URL('../support/pusher.ts', import.meta.url);
  for (let life = 0; life < 2; life++) {
    const child = fork(program, [directory], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    t.teardown(() => child.kill('SIGKILL'));
    let acknowledged = 0;
    for (let push = 0; push < 60 + life; push++) {
      [acknowledged] = (await once(child, 'message')) as [number];
      const walk = walkPages(path, { thorough: true });
      if (!walk.ok) t.equal(walk.fault, 'changing');
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    t.equal(walkPages(path, { thorough: true }).ok, true);
    const queues = await Queues.open(directory, { now: () => Date.now(), pollMs: 0 });
    t.ok(queues.get('q').next >= acknowledged);
    await queues.close();
  }
});

t.test('what a file holds is counted', (t) => {
  for (const [name, bytes] of [
    ['small', small],
    ['large', large],
  ] as const) {
    const walk = walkPages(pathOf(name));
    if (!walk.ok) return t.fail(walk.reason);
    const uses = pageUses(bytes);
    const { transaction, lastPage, entries, pages } = walk.snapshot;
    t.equal(transaction, Math.max(Number(bytes.readBigUInt64LE(152)), Number(bytes.readBigUInt64LE(PAGE + 152))));
    t.equal(pages.trees, pagesFor(uses, ...TREES).length);
    t.equal(pages.values, pagesFor(uses, 'value', 'value rest', 'free run').length);
    t.equal(pages.free + pages.leaked, lastPage + 1 - uses.size);
    t.equal(entries['meta'], 2);
  }
  t.end();
});

t.test('an LMDB file of another program is not taken for a rot file', async (t) => {
  // All that makes the difference is the name of a database.
  const bytes = Buffer.from(small);
  for (let at = bytes.indexOf('blocks\0'); at !== -1; at = bytes.indexOf('blocks\0', at)) bytes.write('blocjs', at);
  t.same(faultOf(bytes), { fault: 'foreign' });
});

t.test('a file cut short anywhere is refused', (t) => {
  const walk = walkPages(pathOf('small'));
  const end = ((walk.ok ? walk.snapshot.lastPage : 0) + 1) * PAGE;
  for (let length = PAGE; length <= end; length += PAGE) {
    for (const cut of [length - 1, length, length + 1]) {
      if (cut < end) t.same(faultOf(small.subarray(0, cut)), { fault: 'cut_short' }, `${cut} bytes`);
    }
  }
  t.equal(faultOf(small.subarray(0, end)), undefined);
  t.end();
});

t.test('every page that lmdb trusts is verified', (t) => {
  const next = random(3);
  for (const sound of [small, large]) {
    const uses = pageUses(sound);
    for (const page of pagesFor(uses, 'meta', ...TREES)) {
      for (const harm of ['zeroed', 'garbage'] as const) {
        t.same(faultOf(harmPage(sound, page, harm, next).bytes), { fault: 'damaged', page }, `${page} ${harm}`);
      }
      // Its number, kind and bounds; a meta page has no bounds.
      const bits = uses.get(page) === 'meta' ? [0, 63, 144, 159] : [0, 13, 63, 144, 145, 150, 159, 160, 175, 176, 191];
      for (const bit of bits) {
        const bytes = Buffer.from(sound);
        const at = page * PAGE + (bit >>> 3);
        bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7));
        t.equal(faultOf(bytes)?.fault, 'damaged', `${page} bit ${bit}`);
      }
    }
    for (const page of pagesFor(uses, 'free run')) {
      t.equal(faultOf(harmPage(sound, page, 'garbage', next).bytes)?.fault, 'damaged', `free list on ${page}`);
    }
  }
  t.end();
});

t.test('the newest commit cannot be hidden by a damaged meta page', (t) => {
  const transactions = [152, PAGE + 152].map((at) => small.readBigUInt64LE(at)) as [bigint, bigint];
  for (const [index, at] of [152, PAGE + 152].entries()) {
    for (const other of [
      0n,
      1n,
      transactions[index]! - 2n,
      transactions[index]! + 2n,
      transactions[1 - index]!,
      1n << 40n,
    ]) {
      const bytes = withNumber(small, at, other);
      t.equal(faultOf(bytes)?.fault, 'damaged', `${other} at ${at}`);
    }
  }
  t.end();
});

t.test('a tree that leads back, or to a page twice, is refused', (t) => {
  const [branch] = pagesFor(pageUses(small), 'branch') as [number];
  const [first, second] = nodesOf(small, branch) as [number, number];
  for (const child of [branch, 0, 1, small.readUIntLE(second, 6), 0xffff_ffff]) {
    const bytes = Buffer.from(small);
    bytes.writeUIntLE(child, first, 6);
    t.equal(faultOf(bytes)?.fault, 'damaged', `child ${child}`);
  }
  const swapped = Buffer.from(small);
  small.copy(swapped, first, second, second + 6);
  small.copy(swapped, second, first, first + 6);
  t.equal(faultOf(swapped)?.fault, 'damaged', 'children swapped');
  t.end();
});

t.test('a free list that lmdb must not believe is refused', (t) => {
  const uses = pageUses(small);
  const [leaf] = pagesFor(uses, 'free leaf') as [number];
  const records = nodesOf(small, leaf).map((node) => node + 8 + small.readUInt16LE(node + 6));
  const used = pagesFor(uses, 'value')[0] as number;
  for (const record of records) {
    const length = Number(small.readBigUInt64LE(record));
    const last = record + 8 * length;
    const wrong: Array<[at: number, value: bigint]> = [
      [record, 512n],
      [record, 1n << 32n],
      [record, -1n],
    ];
    if (length > 0) {
      wrong.push(
        [last, -2n],
        [last, BigInt(used)],
        [last, BigInt(leaf)],
        [last, 1n],
        [last, 1n << 31n],
        [last, 1n << 40n],
      );
    }
    for (const [at, value] of wrong) {
      t.equal(faultOf(withNumber(small, at, value))?.fault, 'damaged', `${value} at ${at - record} of the record`);
    }
  }
  t.end();
});

t.test('headers of values are seen when asked for, and mended', (t) => {
  const all = [blockKey(0, 0), blockKey(Number.MAX_SAFE_INTEGER, 0)] as const;
  const path = pathOf('bytes');
  for (const [index, page] of pagesFor(pageUses(small), 'value').entries()) {
    for (const at of index < 4 ? [0, 7, 14, 18, 19, 20, 23] : [20]) {
      const bytes = Buffer.from(small);
      bytes[page * PAGE + at] = (bytes[page * PAGE + at] as number) ^ 0x40;
      t.equal(walkBytes(bytes).ok, true);
      t.match(walkBytes(bytes, true), { ok: false, fault: 'damaged', page });
      t.same(mendHeaders(scratch, 'blocks', ...all), [page]);
      t.same(mendHeaders(scratch, 'blocks', ...all), []);
      t.ok(readFileSync(path).equals(small));
      written = Buffer.from(small);
    }
  }
  t.end();
});

t.test('what a database holds is read without lmdb', async (t) => {
  for (const name of ['small', 'large']) {
    const read = [...entriesOf(pathOf(name), 'blocks', 64 * KIB)];
    const environment = Environment.open(pathOf(name), { readOnly: true });
    const stored = environment.entries('blocks').map(({ key, value }) => ({ ok: true, key, value }));
    await environment.close();
    t.ok(stored.length > 20);
    t.same(read, stored);
  }
  let next = kept.oldest;
  for (const entry of entriesOf(pathOf('small'), 'blocks', 64 * KIB)) {
    if (!entry.ok || entry.value === undefined) return t.fail('an entry is missing');
    const block = Block.decode(entry.value, keyFirst(entry.key));
    t.equal(block.damaged, false);
    t.ok(block.first <= next);
    next = block.next;
  }
  t.equal(next, kept.next);
  const [first] = entriesOf(pathOf('large'), 'blocks', 10);
  t.match(first, { ok: true, value: undefined });
  const [none] = entriesOf(pathOf('large'), 'nothing', 10);
  t.match(none, { ok: false, fault: 'damaged' });
});

t.test('no damage makes a walk throw, or go on for ever', (t) => {
  const next = random(11);
  let sound = 0;
  for (let file = 0; file < 600; file++) {
    let bytes: Buffer = next(2) === 0 ? small : large.subarray(0, 200 * PAGE);
    for (let i = next(6); i >= 0; i--) ({ bytes } = harmAnything(bytes, next));
    if (walkBytes(bytes, true).ok) sound++;
    const entries = [...entriesOf(pathOf('bytes'), 'blocks', 64 * KIB)];
    t.ok(entries.length <= bytes.length / 20);
  }
  t.ok(sound < 600);
  t.end();
});
