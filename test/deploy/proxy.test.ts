import { on, once } from 'node:events';
import t from 'tap';
import { serve } from '../support/program.js';
import { Gateway, HOST, isInstalled, PROXIES } from './proxy.js';

const MIB = 1024 * 1024;
const LIMITS = Buffer.from(JSON.stringify({ maxBytes: 32 * MIB, maxMessageBytes: 16 * MIB, reserve: false }));
const MESSAGES = '/queues/q/messages';

for (const [name, kind] of Object.entries(PROXIES)) {
  t.test(`behind ${name}, as documented`, { skip: !isInstalled(kind) && `no ${name}` }, async (t) => {
    const { url } = await serve(t, ['--dir', t.testdir(), '--allowed-host', HOST]);
    const proxy = await Gateway.start(t, kind, new URL(url).host);
    t.equal((await proxy.ask('PUT', '/queues/q', LIMITS)).status, 201);

    await t.test('a push of 16 MiB, and its bytes back', async (t) => {
      const message = Buffer.alloc(16 * MIB, 'rotera');
      t.match(await proxy.ask('POST', MESSAGES, message), { status: 200 });
      const { status, body } = await proxy.ask('GET', `${MESSAGES}/0`);
      t.equal(status, 200);
      t.ok(body.equals(message));
    });

    await t.test('a read that waits', async (t) => {
      const waiting = proxy.ask('GET', `${MESSAGES}?from=1&wait=60`);
      await proxy.ask('POST', MESSAGES, Buffer.from('awaited'));
      const { status, body } = await waiting;
      t.equal(status, 200);
      t.match(JSON.parse(body.toString()), { first: 1, next: 2, messages: [{ id: 1, data: 'awaited' }] });
    });

    await t.test('events as they happen', async (t) => {
      const events = await proxy.open('GET', '/queues/q/tail?from=next');
      t.teardown(() => events.destroy());
      t.match(events.headers, { 'content-type': /^text\/event-stream/ });
      let heard = '';
      events.setEncoding('utf8').on('data', (text: string) => {
        heard += text;
      });
      while (!heard.includes('retry:')) await once(events, 'data');
      await proxy.ask('POST', MESSAGES, Buffer.from('live'));
      while (!heard.includes('"data":"live"')) await once(events, 'data');
      t.match(heard, /^id: \S+:2$/m);
    });

    await t.test('a tail and a push by WebSocket', async (t) => {
      const tail = proxy.webSocket('/queues/q/tail?from=next');
      const push = proxy.webSocket('/queues/q/push');
      t.teardown(() => [tail, push].map((socket) => socket.terminate()));
      const opened = once(push, 'open');
      const frames = on(tail, 'message');
      const frame = async (): Promise<unknown> => JSON.parse(String((await frames.next()).value[0]));
      t.match(await frame(), { type: 'open', next: 3 });
      t.match(await frame(), { type: 'up-to-date', next: 3 });
      await opened;
      const answered = once(push, 'message');
      push.send('by socket');
      t.match(JSON.parse(String((await answered)[0])), { first: 3, next: 4 });
      t.match(await frame(), { type: 'messages', messages: [{ id: 3, data: 'by socket' }] });
    });
  });
}
