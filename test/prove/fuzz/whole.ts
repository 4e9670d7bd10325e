/**
 * Whether a queue that took whatever came is whole: it holds what it says, and all of that can be read.
 */
import type { MessageBatch, RoteraClient, StatBody } from '../../../src/client/node.js';
import { compare } from '../endurance/look.js';
import type { Control } from '../proof.js';

/** A queue, with how it stood before it was read and afterwards: age may take of it meanwhile. */
export interface QueueSeen {
  readonly before: StatBody;
  readonly pages: readonly MessageBatch[];
  readonly after: StatBody;
}

export async function seeQueue(client: RoteraClient, queue: string): Promise<QueueSeen> {
  const before = await client.stat(queue);
  const pages: MessageBatch[] = [];
  for await (const page of client.pages(queue, { from: 0 })) pages.push(page);
  return { before, pages, after: await client.stat(queue) };
}

/** Everything that must not be seen of a queue to which nobody pushes any more. */
export function brokenness({ before, pages, after }: QueueSeen): string[] {
  const { queue, next, oldest, bytes } = before;
  const wrong: string[] = [];
  const notes = { say: (text: string) => void wrong.push(text) };
  compare(before, { acknowledged: 0, gone: 0 }, notes);
  compare(after, { acknowledged: next, gone: oldest }, notes);
  if (after.next !== next) notes.say(`${queue} ended at ${next}, and nobody pushed, but it ends at ${after.next}`);
  for (const { state, file } of [before, after]) {
    if (state !== 'ok') notes.say(`${queue} is ${state}`);
    if (file.bytes > file.limit)
      notes.say(`the file of ${queue} takes ${file.bytes} bytes, its limit is ${file.limit}`);
  }
  let id = 0;
  for (const { first, next: goesOn, gap, messages } of pages) {
    const isRotated = gap !== null && gap.from === id && gap.to <= after.oldest && gap.reason === 'rotated';
    if (gap !== null && !isRotated) notes.say(`${queue}: from ${id} on there is the gap ${JSON.stringify(gap)}`);
    if (first !== (gap?.to ?? id)) notes.say(`${queue}: id ${gap?.to ?? id} was to be read, and ${first} was`);
    if (goesOn !== first + messages.length || messages.some((message, i) => message.id !== first + i))
      notes.say(`${queue}: ${messages.length} messages from ${first} on, and goes on at ${goesOn}`);
    id = goesOn;
  }
  if (id !== next) notes.say(`${queue}: can be read up to ${id}, and ends at ${next}`);
  const read = pages.flatMap(({ messages }) => messages).reduce((sum, { data }) => sum + data.length, 0);
  if (after.oldest === oldest && read !== bytes) notes.say(`${queue}: ${read} bytes can be read, it says ${bytes}`);
  return wrong;
}

/** The same queue, with one thing wrong each time. */
export function broken(seen: QueueSeen): Control[] {
  const { before, pages, after } = seen;
  const [page] = pages;
  const untampered = brokenness(seen);
  const count = page?.messages.length ?? 0;
  if (page === undefined || count < 2 || untampered.length > 0)
    return [{ name: 'a queue that can be made wrong', caught: undefined }];
  const { first, next, messages } = page;
  const damaged = { from: page.gap?.from ?? first, to: first + 1, count: null, reason: 'damaged' } as const;
  const wrong: Record<string, Partial<QueueSeen>> = {
    'a damaged message': { pages: [{ ...page, gap: damaged, first: first + 1, messages: messages.slice(1) }] },
    'a message that is not read': { pages: [{ ...page, messages: messages.slice(0, -1) }] },
    'a queue that ends too early': { pages: [{ ...page, next: next - 1, messages: messages.slice(0, -1) }] },
    'a count that is not that of the ids': { after: { ...after, count: after.count + 1 } },
    'bytes that are not those of the messages': { before: { ...before, bytes: before.bytes - 1 } },
  };
  return Object.entries(wrong).map(([name, altered]) => ({ name, caught: brokenness({ ...seen, ...altered })[0] }));
}
