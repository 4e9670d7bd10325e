/**
 * A stream of server-sent events, parsed as the standard says, each awaited.
 */
import { EventEmitter, once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Test } from 'tap';

export interface StreamEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
  readonly retry?: string;
  /** Of a comment. */
  readonly comment?: string;
}

export class Events {
  readonly #events: StreamEvent[] = [];
  readonly #changes = new EventEmitter();
  #text = '';
  #ended = false;

  constructor(
    t: Test,
    readonly headers: IncomingHttpHeaders,
    readonly stream: Readable,
  ) {
    t.teardown(() => stream.destroy());
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => this.#take(chunk));
    stream.on('error', () => undefined);
    stream.on('close', () => {
      this.#ended = true;
      this.#changes.emit('change');
    });
  }

  async next(): Promise<StreamEvent> {
    while (this.#events.length === 0) {
      if (this.#ended) throw new Error('the stream has ended');
      await once(this.#changes, 'change');
    }
    return this.#events.shift() as StreamEvent;
  }

  /** Messages until so many have come, each with its event id; other events on the way are dropped. */
  async messages(count: number): Promise<Array<{ event: string | undefined; id: number; data: string }>> {
    const all: Array<{ event: string | undefined; id: number; data: string }> = [];
    while (all.length < count) {
      const { id, event, data } = await this.next();
      if (event === undefined && data !== undefined) all.push({ ...JSON.parse(data), event: id });
    }
    return all;
  }

  async ended(): Promise<void> {
    while (!this.#ended) await once(this.#changes, 'change');
  }

  #take(chunk: string): void {
    this.#text += chunk;
    for (let end = this.#text.indexOf('\n\n'); end !== -1; end = this.#text.indexOf('\n\n')) {
      const fields = this.#text.slice(0, end).split('\n').map(field);
      this.#events.push(Object.fromEntries(fields) as StreamEvent);
      this.#text = this.#text.slice(end + 2);
    }
    this.#changes.emit('change');
  }
}

function field(line: string): readonly [string, string] {
  const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
  return [name === '' ? 'comment' : name, value];
}
