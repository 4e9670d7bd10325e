/**
 * A thousand queues in one process, a few of them on a disk that takes its time: the others must not notice.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { complaintAbout, run } from './child.js';
import type { Crowd, CrowdJob, Latencies } from './children/crowd.js';
import type { Outcome, Proof, Trial } from './proof.js';
import { CALLS, Shim } from './shim.js';

/** Queues on the slow disk, and how long a sync takes there; ms. */
const SLOW = 8;
const SYNC_MS = 500;
/** As the service sets it: each commit keeps a thread until the disk has answered. */
const THREADS = '16';
/** What is asked for: opening all, memory of each idle one, an acknowledgement of a fast one, lateness of the event loop. */
const OPEN_MS = 6000;
const IDLE_BYTES = 300 * 1024;
const FAST_P99_MS = 100;
/** On a machine that is busy with other things: not more than so many times what it takes while the slow ones are idle. */
const FAST_TIMES = 2;
const LOOK_P99_MS = 50;
const LOOP_P99_MS = 100;
const DEADLINE_MS = 300_000;
/** The control has fewer queues, all of them on the slow disk. */
const CONTROL_QUEUES = 20;

/** Everything that many queues must not show. */
function* complaints({ openMs, idleBytes, calm, busy }: Crowd): Generator<string> {
  if (openMs > OPEN_MS) yield `opening all took ${openMs.toFixed()} ms`;
  if (idleBytes > IDLE_BYTES) yield `an idle queue takes ${idleBytes.toFixed()} bytes of memory`;
  if (busy.silent > 0) yield `${busy.silent} queues acknowledged nothing`;
  if (busy.fast.p99 > Math.max(FAST_P99_MS, FAST_TIMES * calm.fast.p99))
    yield `fast queues acknowledge within ${busy.fast.p99.toFixed()} ms (99 of 100)`;
  if (busy.looks.p99 > LOOK_P99_MS) yield `a stat and a read take ${busy.looks.p99.toFixed()} ms (99 of 100)`;
  if (busy.loopP99 > LOOP_P99_MS) yield `the event loop is ${busy.loopP99.toFixed()} ms late (99 of 100)`;
}

const row = (name: string, { count, p50, p99, most }: Latencies): string[] => [
  name,
  String(count),
  ...[p50, p99, most].map((ms) => ms.toFixed(1)),
];

/** Makes queues, opens them and pushes to them. `match`: which files are on the slow disk. */
async function gather(trial: Trial, shim: Shim, fast: number, match: string): Promise<Crowd> {
  const directory = join(trial.directory, `queues-${fast}`);
  mkdirSync(directory);
  const job: CrowdJob = { directory, seed: trial.seed, fast, slow: SLOW, makes: true, phaseMs: 5000 };
  let made = 0;
  const making = await run('crowd', job, {
    deadlineMs: DEADLINE_MS,
    hear: () => trial.progress(Math.min(++made, trial.rounds), trial.rounds, 'queues made'),
  });
  let crowd: Crowd | undefined;
  const disturb = { act: `delay=${SYNC_MS}`, calls: CALLS.sync, match } as const;
  const serving = await run(
    'crowd',
    { ...job, makes: false },
    {
      env: { ...shim.env({ directory, disturb }), UV_THREADPOOL_SIZE: THREADS },
      deadlineMs: DEADLINE_MS,
      hear: (said) => {
        crowd = said as Crowd;
      },
    },
  );
  const complaint = complaintAbout(making) ?? complaintAbout(serving);
  if (complaint !== undefined || crowd === undefined) throw new Error(`The process with the queues: ${complaint}`);
  return crowd;
}

async function prove(trial: Trial): Promise<Outcome> {
  const shim = Shim.compile(trial.directory);
  const crowd = await gather(trial, shim, trial.rounds, '/slow-');
  const { openMs, idleBytes, calm, busy } = crowd;
  const allSlow = await gather(trial, shim, CONTROL_QUEUES, '.rot');
  const caught = [...complaints({ ...crowd, busy: allSlow.busy })].find((text) => text.startsWith('fast queues'));
  return {
    rounds: trial.rounds,
    violations: [...complaints(crowd)],
    controls: [{ name: 'all on the slow disk', caught }],
    facts: [
      [`queues on a disk whose sync takes ${SYNC_MS} ms`, SLOW],
      ['ms to open all', openMs.toFixed()],
      ['KiB of memory for an idle queue', (idleBytes / 1024).toFixed()],
      ['event loop late, calm, p99 ms', calm.loopP99.toFixed(1)],
      ['event loop late, busy, p99 ms', busy.loopP99.toFixed(1)],
    ],
    table: [
      ['latency', 'count', 'p50 ms', 'p99 ms', 'most ms'],
      row('push to fast ones, slow ones idle', calm.fast),
      row('push to fast ones, slow ones busy', busy.fast),
      row('push to slow ones', busy.slow),
      row('stat and read, slow ones idle', calm.looks),
      row('stat and read, slow ones busy', busy.looks),
    ],
  };
}

export const slowDisk: Proof = {
  about: 'many queues in one process, a few of them on a slow disk: the others do not notice',
  round: 'queues',
  rounds: 1000,
  run: prove,
};
