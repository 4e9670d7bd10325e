/**
 * Looks at a server while it runs, from outside and by what it says of itself; and compares what it says with what was promised.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { RoteraClient } from '../../../src/client/node.js';
import type { StatBody } from '../../../src/protocol/answers.js';
import type { Server } from '../server.js';
import type { Notes } from './notes.js';
import type { FileSample, Sample } from './samples.js';

const BLOCK_BYTES = 512;
const KIB = 1024;

const metricOf = (text: string, name: string): number =>
  Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);

function fileOf(directory: string, { queue, file }: StatBody): FileSample | undefined {
  const stat = statSync(join(directory, `${queue}.rot`), { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  return { queue, told: file.bytes, size: stat.size, blocks: stat.blocks * BLOCK_BYTES, limit: file.limit };
}

/** What was acknowledged before is there, and what was told as gone is gone: `promised` is from before the stat. */
export function compare(
  stat: StatBody,
  promised: { acknowledged: number; gone: number },
  notes: Pick<Notes, 'say'>,
): void {
  const { queue, oldest, next, count, bytes, rotated } = stat;
  if (next < promised.acknowledged) notes.say(`${queue} ends at ${next}, acknowledged was ${promised.acknowledged}`);
  if (oldest < promised.gone)
    notes.say(`${queue} begins at ${oldest}, but told as gone was all before ${promised.gone}`);
  if (next - oldest !== count || count > stat.maxMessages || bytes > stat.maxBytes)
    notes.say(`${queue} has ids ${oldest} to ${next}, ${count} messages of ${bytes} bytes`);
  if (rotated.messages !== oldest) notes.say(`${queue} begins at ${oldest}, and ${rotated.messages} were rotated out`);
}

/** What stands in a list of the kernel's: kB in bytes, numbers as they are. */
function statusOf(pid: number): (name: string) => number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return (name) => {
    const [, value, unit] = new RegExp(`^${name}:\\s+(\\d+)( kB)?$`, 'm').exec(text) ?? [];
    return Number(value) * (unit === undefined ? 1 : KIB);
  };
}

export interface Look {
  readonly server: Server;
  readonly client: RoteraClient;
  readonly notes: Notes;
  readonly life: number;
  /** When the run began. */
  readonly began: number;
}

/** One look. @throws when the server is not there */
export async function look({ server, client, notes, life, began }: Look): Promise<Sample> {
  const promised = new Map(
    [...notes.acknowledged].map(([queue, acknowledged]) => {
      return [queue, { acknowledged, gone: notes.toldGone.get(queue) ?? 0 }];
    }),
  );
  const { queues } = await client.list({ retryMs: 0 });
  const answer = await fetch(`${server.url}/metrics`);
  const text = await answer.text();
  const files: FileSample[] = [];
  for (const stat of queues) {
    // One that is being made or removed at the moment may show as unreadable; others are missed by those who use them.
    if (stat.state === 'unreadable' || stat.queue.startsWith('extra-')) continue;
    compare(stat, promised.get(stat.queue) ?? { acknowledged: 0, gone: 0 }, notes);
    files.push(...[fileOf(server.directory, stat) ?? []].flat());
  }
  const status = statusOf(server.pid as number);
  return {
    ms: performance.now() - began,
    life,
    memory: status('RssAnon'),
    resident: status('VmRSS'),
    handles: readdirSync(`/proc/${server.pid}/fd`).length,
    threads: status('Threads'),
    delayP99: metricOf(text, 'nodejs_eventloop_lag_p99_seconds') * 1000,
    delayMost: metricOf(text, 'nodejs_eventloop_lag_max_seconds') * 1000,
    files,
    counted: metricOf(text, 'rotera_commit_pushes_count'),
    commits: notes.of('pushes acknowledged'),
    messages: notes.of('messages acknowledged'),
  };
}
