import { Command, Option } from 'clipanion';
import { MAX_MESSAGE_BYTES } from '../../src/batch.js';
import type { ReadRequest } from '../../src/client/client.js';
import { DEFAULT_READ_LIMIT, MAX_READ_LIMIT } from '../../src/protocol/api.js';
import { ClientCommand, numberOption } from '../command.js';
import { gapNotice, rawLines } from '../render.js';

/** Most messages asked for at once. */
const PIECE = { json: MAX_READ_LIMIT['application/json'], raw: MAX_READ_LIMIT['application/vnd.rotera.batch'] };

export class ReadCommand extends ClientCommand {
  static override paths = [['read']];
  static override usage = Command.Usage({
    description: 'Print messages of a queue, one a line.',
    details: `
      Prints the bytes of each message as they were pushed. What rotation has removed of the range is told on standard error.
    `,
    examples: [
      ['The first hundred messages kept', '$0 read 55'],
      ['The last ten', '$0 read 55 --from -10'],
      ['A range of ids, with ids and times', '$0 read 55 --from 500 --to 600 --json'],
    ],
  });

  queue = Option.String({ name: 'queue', required: true });
  from = Option.String('--from', 'oldest', { description: 'Where to begin: an id, -N (the last N), oldest or next.' });
  to = Option.String('--to', { description: 'Id to stop before.' });
  limit = Option.String('--limit', { description: `Most messages (${DEFAULT_READ_LIMIT}, or all up to --to).` });
  wait = Option.String('--wait', { description: 'Seconds to wait for a first message, up to 60.' });

  protected async run(): Promise<void> {
    const to = numberOption('to', this.to);
    const wait = numberOption('wait', this.wait);
    let left = numberOption('limit', this.limit) ?? (to === undefined ? DEFAULT_READ_LIMIT : Number.MAX_SAFE_INTEGER);
    let from = this.from;
    while (left > 0) {
      const request = {
        from,
        limit: Math.min(left, this.json ? PIECE.json : PIECE.raw),
        maxBytes: MAX_MESSAGE_BYTES,
        ...(to === undefined ? {} : { to }),
        ...(wait === undefined ? {} : { wait }),
      };
      const { first, next, upToDate } = await this.#piece(request);
      left -= next - first;
      from = String(next);
      if (upToDate || next === first || next === to) break;
    }
  }

  /** Prints one answer. */
  async #piece(request: ReadRequest): Promise<{ first: number; next: number; upToDate: boolean }> {
    const { client, queue, json } = this;
    const answer = json ? await client.read(queue, request) : await client.readBatch(queue, request);
    if (answer.gap !== null) this.context.stderr.write(gapNotice(answer.gap));
    if ('records' in answer) await this.print(rawLines(answer.records));
    else await this.print(answer.messages.map((message) => `${JSON.stringify(message)}\n`).join(''));
    return answer;
  }
}
