import t from 'tap';
import { DEFAULT_LIMITS, type Limits } from '../../src/queue/limits.js';
import { type Mark, type Rotation, rotate } from '../../src/queue/retention.js';

/** One way a queue can stand, with what comes in. */
interface Case {
  readonly limits: Limits;
  /** Message lengths, block by block. */
  readonly blocks: readonly (readonly number[])[];
  readonly oldest: number;
  readonly youngEnough: number;
  readonly incoming: readonly number[];
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The same answer, found by trying: messages go one by one for age and count, then blocks one by one for bytes. */
function expected({ limits, blocks, oldest, youngEnough, incoming }: Case): Rotation {
  const next = blocks.flat().length;
  const byCount = Math.max(0, next + incoming.length - limits.maxMessages - youngEnough);
  const counted = youngEnough + byCount;
  const starts = blocks.map((_, i) => blocks.slice(0, i).flat().length);
  const bytesFrom = (id: number): number => sum(blocks.flat().slice(id)) + sum(incoming);
  // From the block that holds the oldest message on; `next` stands for dropping all of them.
  const holding = starts.filter((start) => start <= counted).at(-1) ?? 0;
  const candidates = [...starts.filter((start) => start > holding), next];
  let start = counted >= next ? next : holding;
  while (start < next && bytesFrom(start) > limits.maxBytes) start = candidates.find((one) => one > start) ?? next;
  const kept = Math.max(counted, start);
  return { oldest: kept, byAge: youngEnough - oldest, byCount, byBytes: kept - counted };
}

function actual({ limits, blocks, oldest, youngEnough, incoming }: Case): Rotation {
  const all = blocks.flat();
  const marks: Mark[] = blocks.map((_, i) => {
    const first = blocks.slice(0, i).flat().length;
    return { first, position: sum(all.slice(0, first)) };
  });
  const holding = marks.filter(({ first }) => first <= oldest).at(-1);
  const after = { next: all.length + incoming.length, position: sum(all) + sum(incoming) };
  const kept = { oldest, next: all.length };
  const from = oldest === all.length ? [] : marks.slice(holding === undefined ? 0 : marks.indexOf(holding));
  return rotate(limits, kept, after, youngEnough, from);
}

/** Every way to write `count` messages of 0 to 2 bytes into blocks of one or two messages. */
function* layouts(count: number): Generator<number[][]> {
  if (count === 0) yield [];
  for (let size = 1; size <= Math.min(2, count); size++) {
    for (const rest of layouts(count - size)) {
      for (let code = 0; code < 3 ** size; code++) {
        yield [...rest, Array.from({ length: size }, (_, i) => Math.floor(code / 3 ** i) % 3)];
      }
    }
  }
}

/** Every case with up to four messages stored. What comes in fits into the limits: a committer sees to that. */
function* cases(): Generator<Case> {
  for (let count = 0; count <= 4; count++) {
    for (const blocks of layouts(count)) {
      for (let oldest = 0; oldest <= count; oldest++) {
        for (let youngEnough = oldest; youngEnough <= count; youngEnough++) {
          for (const incoming of [[], [0], [2], [1, 1]]) {
            for (const maxMessages of [2, 3, 5]) {
              for (const maxBytes of [2, 3, 4, 9]) {
                yield { limits: { ...DEFAULT_LIMITS, maxMessages, maxBytes }, blocks, oldest, youngEnough, incoming };
              }
            }
          }
        }
      }
    }
  }
}

t.test('what goes is what the limits do not allow, in every small case', async (t) => {
  let count = 0;
  for (const one of cases()) {
    count++;
    const found = actual(one);
    const wanted = expected(one);
    if (JSON.stringify(found) !== JSON.stringify(wanted)) {
      t.strictSame(found, wanted, JSON.stringify(one));
      return;
    }
  }
  t.ok(count > 100_000, `${count} cases`);
});

t.test('the limits hold after every small case', async (t) => {
  for (const one of cases()) {
    const { oldest, byAge, byCount, byBytes } = actual(one);
    const { limits, blocks, incoming } = one;
    const kept = [...blocks.flat().slice(oldest), ...incoming];
    const sound =
      kept.length <= limits.maxMessages &&
      sum(kept) <= limits.maxBytes &&
      byAge + byCount + byBytes === oldest - one.oldest &&
      Math.min(byAge, byCount, byBytes) >= 0;
    if (!sound) {
      t.fail('a limit is broken', { one, oldest, byAge, byCount, byBytes });
      return;
    }
  }
  t.pass('counts and bytes');
});
