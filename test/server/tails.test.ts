import t from 'tap';
import type { ReadResult } from '../../src/queue/read.js';
import { Metrics } from '../../src/server/metrics.js';
import { Tails } from '../../src/server/tails.js';
import { MIB, openQueues, pushTexts, readFrom, SMALL } from '../support/queues.js';

t.test('a piece is encoded once for all tails that deliver it, be it too large to be kept', async (t) => {
  const queues = await openQueues(t, t.testdir());
  const { queue } = await queues.create('q', SMALL);
  await pushTexts(queue, 'a');
  const result = readFrom(queue, 0);
  const tails = new Tails({ maxTails: 3, maxTailsPerToken: 3 }, new Metrics());
  for (let i = 0; i < 3; i++) tails.add(queue, undefined);
  for (const size of [100, 20 * MIB]) {
    let encoded = 0;
    const encode = (_: ReadResult): Buffer => {
      encoded++;
      return Buffer.alloc(size);
    };
    const pieces = [1, 2, 3].map(() => tails.encoded(queue, `${size}`, result, encode));
    t.equal(encoded, 1, `${size} bytes`);
    t.equal(new Set(pieces).size, 1);
    t.not(tails.encoded(queue, `${size}, another form`, result, encode), pieces[0]);
  }
});
