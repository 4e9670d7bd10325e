/**
 * Read: `GET /queues/{queue}/messages`, and one message: `GET /queues/{queue}/messages/{id}`.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { RECORD_HEADER_BYTES, skipRecords } from '../batch.js';
import { RoteraError } from '../errors.js';
import {
  BATCH_TYPE,
  DEFAULT_READ_BYTES,
  DEFAULT_READ_LIMIT,
  JSON_TYPE,
  MAX_READ_LIMIT,
  messageParameters,
  NDJSON_TYPE,
  readParameters,
} from '../protocol/api.js';
import { type Checked, checkParameters, integer } from '../protocol/parameters.js';
import { resolveFrom } from '../queue/position.js';
import type { Queue } from '../queue/queue.js';
import { gapOf, joinedRead, type ReadResult } from '../queue/read.js';
import { checkBegun, checkEpoch, namesTag, needsCursor, negotiate, openCursor, setQueueHeaders } from './answers.js';
import type { Context, QueueRoute } from './context.js';
import { goneSignal } from './gone.js';
import { messagesBatch, messagesLines, readText, timeText } from './messages.js';
import { firstOf } from './signals.js';
import { countMissed, gapError } from './tail.js';

type ReadType = keyof typeof MAX_READ_LIMIT;
type ReadParameters = Checked<typeof readParameters>;
type Read = (from: number) => Promise<ReadResult>;

const FOREVER_SECONDS = 31_536_000;
const messageId = integer(0, Number.MAX_SAFE_INTEGER);

/**
 * Reads; when there is nothing yet, waits so many seconds for a first message and reads again.
 * @param read from an id on
 * @param ends what ends the wait besides; asked for only when there is something to wait for
 */
async function readOrWait(
  queue: Queue,
  read: Read,
  { wait = 0, gap, to }: ReadParameters,
  from: number,
  ends: () => readonly AbortSignal[],
): Promise<ReadResult> {
  const result = await passDamage(read, from);
  const refused = gap === 'fail' && result.gap !== null;
  if (result.count > 0 || wait === 0 || result.next === to || refused) return result;
  const { signal, done } = firstOf(ends(), wait * 1000);
  await queue.waitFor(result.next, signal);
  done();
  return joinedRead(result, await passDamage(read, result.next));
}

/** Goes on behind a read that found nothing but damage; the others have their turns before more of it is looked at. */
async function passDamage(read: Read, from: number): Promise<ReadResult> {
  let result = await read(from);
  while (result.isCut) {
    await nextTurn();
    result = joinedRead(result, await read(result.next));
  }
  return result;
}

/** Where to read from: the cursor's position after the ack, if there is a cursor. */
async function startOf(queue: Queue, parameters: ReadParameters, { now, windows }: Context): Promise<number> {
  const { from, to, cursor, ack, move } = parameters;
  const wanted = from === undefined ? undefined : resolveFrom(from, queue, now());
  if (cursor === undefined) {
    const lone = ack !== undefined ? 'ack' : move !== undefined ? 'move' : undefined;
    if (lone === undefined) return wanted ?? queue.oldest;
    throw needsCursor(lone);
  }
  // Looked at first: a read that is refused must have stored no ack, and moved and made no cursor.
  const known = move === true ? undefined : queue.cursor(cursor)?.position;
  const begin = known === undefined ? (wanted ?? queue.oldest) : Math.max(known, (ack ?? -1) + 1);
  checkTo(begin, to);
  if (ack !== undefined) {
    const { position } = await queue.moveCursor({ kind: 'ack', name: cursor, id: ack });
    windows.advance(queue, cursor, position);
  }
  return (await openCursor(queue, cursor, wanted, move ?? false)).position;
}

/** @throws `bad_parameter` */
function checkTo(from: number, to: number | undefined): void {
  if (to === undefined || from <= to) return;
  const accepted = `an id from ${from} on, where this read begins`;
  throw new RoteraError('bad_parameter', `to=${to}: accepted: ${accepted}.`, { parameter: 'to', value: to, accepted });
}

function checkLimit(limit: number | undefined, type: ReadType): number {
  const most = MAX_READ_LIMIT[type];
  if (limit === undefined || limit <= most) return limit ?? DEFAULT_READ_LIMIT;
  const accepted = `a whole number from 1 to ${most} with Accept: ${type}`;
  throw new RoteraError('bad_parameter', `limit=${limit}: accepted: ${accepted}.`, {
    parameter: 'limit',
    value: limit,
    accepted,
  });
}

export function addReadRoutes(app: FastifyInstance, context: Context): void {
  const { queues, stopping, origins, metrics, tracing, unsent } = context;
  app.get<QueueRoute>(
    '/queues/:queue/messages',
    { config: { verb: 'read' }, exposeHeadRoute: false },
    async (request, reply) => {
      const parameters = checkParameters(readParameters, request.query);
      const { to, maxBytes = DEFAULT_READ_BYTES, gap, cursor } = parameters;
      const type = negotiate(request, [JSON_TYPE, NDJSON_TYPE, BATCH_TYPE]);
      const limit = checkLimit(parameters.limit, type);
      const queue = queues.get(request.params.queue);
      checkEpoch(queue, parameters.epoch);
      if (cursor !== undefined) origins.checkOrigin(request.headers);
      const from = await startOf(queue, parameters, context);
      checkBegun(queue, from);
      checkTo(from, to);
      const range = { ...(to === undefined ? {} : { to }), limit };
      const readFrom: Read = (from) =>
        unsent.read(reply, maxBytes, (maxBytes) => queue.read({ from, ...range, maxBytes }));
      const ends = (): AbortSignal[] => [stopping, goneSignal(reply)];
      const read = (): Promise<ReadResult> => readOrWait(queue, readFrom, parameters, from, ends);
      const result = await (tracing?.read(request.headers, queue, read) ?? read());
      if (result.gap !== null) {
        await countMissed(queue, cursor, result.gap);
        if (gap === 'fail') throw gapError(result.gap);
        metrics.gapTold(queue, result.gap.reason);
      }
      metrics.delivered(queue, result);
      return unsent.send(setQueueHeaders(reply, queue), bodyOf(reply, queue, result, type));
    },
  );

  app.get<{ Params: { queue: string; id: string } }>(
    '/queues/:queue/messages/:id',
    { config: { verb: 'read' }, exposeHeadRoute: true },
    async (request, reply) => {
      const { epoch } = checkParameters(messageParameters, request.query);
      const { id = 0 } = checkParameters({ id: messageId }, { id: request.params.id });
      const queue = queues.get(request.params.queue);
      checkEpoch(queue, epoch);
      if (id >= queue.next)
        throw new RoteraError('not_yet', `Message ${id} is not there yet: the next one will be ${queue.next}.`);
      const result = await unsent.read(reply, 1, (maxBytes) =>
        queue.read({ from: id, to: id + 1, limit: 1, maxBytes }),
      );
      const { gap, slices } = result;
      const slice = slices[0];
      if (slice === undefined) throw gapError(gap ?? gapOf(id, id + 1, 'damaged'));
      const tag = `"${queue.epoch}:${id}"`;
      setQueueHeaders(reply, queue).headers({
        etag: tag,
        'rotera-time': timeText(slice.time),
        // Ids start again when a queue is made anew: only with the epoch does the URL name this message for ever.
        'cache-control': epoch === undefined ? 'private, no-cache' : `private, max-age=${FOREVER_SECONDS}, immutable`,
      });
      if (namesTag(request.headers['if-none-match'], tag)) return reply.code(304).send();
      metrics.delivered(queue, result);
      const body = slice.records.subarray(RECORD_HEADER_BYTES, skipRecords(slice.records, 0, 1));
      return unsent.send(reply.type('application/octet-stream'), body);
    },
  );
}

/** The body of an answer; what does not stand in it is told in headers. */
function bodyOf(reply: FastifyReply, { name }: Queue, result: ReadResult, type: ReadType): Buffer | string {
  // CORS has named Origin there already.
  const vary = [reply.getHeader('vary') ?? [], 'accept'].flat().join(', ');
  reply.headers({ 'cache-control': 'no-store', vary }).type(type);
  if (type === JSON_TYPE) return readText(name, result);
  reply.headers({
    'rotera-first': String(result.first),
    'rotera-read-next': String(result.next),
    'rotera-up-to-date': String(result.upToDate),
  });
  if (result.gap !== null) reply.header('rotera-gap', `${result.gap.from}-${result.gap.to}`);
  return type === NDJSON_TYPE ? messagesLines(result) : messagesBatch(result);
}
