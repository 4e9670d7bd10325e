import { Command, Option } from 'clipanion';
import { RECORD_HEADER_BYTES } from '../../src/batch.js';
import { RoteraError } from '../../src/errors.js';
import { MAX_PUSH_BYTES } from '../../src/protocol/api.js';
import { bench, type Measured } from '../bench.js';
import { ClientCommand } from '../command.js';
import { parseBytes, parseCount, parseSeconds } from '../numbers.js';
import { bytesText, countedText, countText, table } from '../units.js';

export class BenchCommand extends ClientCommand {
  static override paths = [['bench']];
  static synopsis = 'QUEUE';
  static override usage = Command.Usage({
    category: 'Tools',
    description: 'measure a server: rates and how long things take',
    details: `
      Pushes, reads, and sends messages to itself over a tail, for some seconds each. It fills the queue with messages of its
      own, and others are rotated out: use a queue made for it.
    `,
    examples: [
      ['With the usual sizes', '$0 create bench && $0 bench bench'],
      ['Single small messages from 64 clients', '$0 bench bench --size 20 --batch 1 --connections 64'],
    ],
  });

  queue = Option.String({ name: 'queue', required: true });
  size = Option.String('--size', '100', { description: 'Bytes of a message (100).' });
  batch = Option.String('--batch', '1000', { description: 'Messages of a push, and of a read (1000).' });
  connections = Option.String('--connections', '4', { description: 'Requests under way at once (4).' });
  duration = Option.String('--duration', '5s', { description: 'How long each part takes (5s).' });
  yes = Option.Boolean('-y,--yes', false, { description: 'Use a queue that holds messages.' });

  protected async run(): Promise<void> {
    const { client, queue } = this;
    const signal = this.interruptible();
    const { count, maxMessageBytes } = await client.stat(queue, { signal });
    if (count > 0 && !this.yes) {
      const text = `${queue} holds ${countedText(count, 'message')}, which would be rotated out. Use another queue, or give --yes.`;
      throw new RoteraError('bad_parameter', text, { parameter: 'queue', value: queue });
    }
    const size = parseBytes('size', this.size);
    const batch = Math.max(1, parseCount('batch', this.batch));
    if (size > maxMessageBytes) {
      const text = `--size ${this.size} is longer than a message of ${queue} may be: ${countedText(maxMessageBytes, 'byte')}.`;
      throw new RoteraError('bad_parameter', text, { parameter: 'size', value: this.size });
    }
    if (batch * (size + RECORD_HEADER_BYTES) > MAX_PUSH_BYTES) {
      const text = `--batch ${this.batch} with --size ${this.size} is more than one push takes: ${bytesText(MAX_PUSH_BYTES)}.`;
      throw new RoteraError('bad_parameter', text, { parameter: 'batch', value: this.batch });
    }
    const options = {
      client,
      queue,
      size,
      batch,
      connections: Math.max(1, parseCount('connections', this.connections)),
      durationMs: parseSeconds('duration', this.duration) * 1000,
      signal,
    };
    const rows = [];
    for await (const measured of bench(options)) {
      if (this.json) await this.printJson(measured);
      else rows.push(row(measured));
    }
    if (!this.json)
      await this.print(table([['', 'MESSAGES/S', 'BYTES/S', 'REQUESTS/S', 'P50', 'P95', 'P99', 'MAX'], ...rows]));
  }
}

function row({ part, requests, messages, bytes, seconds, latencyMs }: Measured): string[] {
  const { p50, p95, p99, max } = latencyMs;
  const times = [p50, p95, p99, max].map((ms) => `${ms < 10 ? ms.toFixed(2) : ms.toFixed(1)} ms`);
  return [
    part,
    countText(messages / seconds),
    bytesText(Math.round(bytes / seconds)),
    countText(requests / seconds),
    ...times,
  ];
}
