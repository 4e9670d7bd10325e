import type { Test } from 'tap';
import { Access } from '../../src/server/access.js';
import { makeToken, parseTokens } from '../../src/tokens.js';
import { isProblem, type Request } from '../support/server.js';
import { refusal, type Start, type Wire } from '../support/wire.js';
import { makeQueue, pushEach, type Suite } from './words.js';

const bearer = (secret: string): Record<string, string> => ({ authorization: `Bearer ${secret}` });

/** Tokens by name, each with verbs and queues. */
function tokens(rights: Readonly<Record<string, readonly [verbs: string, queues: string]>>) {
  const made = Object.entries(rights).map(([name, [verbs, queues]]) => [name, makeToken(name, verbs, queues)] as const);
  return {
    access: new Access(parseTokens(made.map(([, { line }]) => line).join('\n'))),
    secrets: Object.fromEntries(made.map(([name, { secret }]) => [name, secret])) as Record<string, string>,
  };
}

const RIGHTS = {
  all: ['*', '*'],
  reader: ['read,stat', 'q,logs-*'],
  pusher: ['push', 'q'],
  tailer: ['tail', '*'],
  stater: ['stat', 'log*-a'],
  maker: ['create', 'new.*'],
} as const;

/** One request of each operation. */
const OPERATIONS: Readonly<Record<string, Request>> = {
  create: { method: 'PUT', path: '/queues/new.1', body: '{"maxBytes":1000,"reserve":false}' },
  push: { method: 'POST', path: '/queues/q/messages', body: 'x' },
  read: { path: '/queues/q/messages' },
  message: { path: '/queues/q/messages/0' },
  stat: { path: '/queues/q' },
};

/** What each token may do. Besides these, tails. */
const ALLOWED: Readonly<Record<keyof typeof RIGHTS, readonly string[]>> = {
  all: ['create', 'push', 'read', 'message', 'stat'],
  reader: ['read', 'message', 'stat'],
  pusher: ['push'],
  tailer: [],
  stater: [],
  maker: ['create'],
};

export const access: Suite = (t, start) => {
  t.test('without tokens everyone may do everything', async (t) => {
    const wire = await start(t);
    await pushEach(await makeQueue(wire), 'a');
    for (const [name, request] of Object.entries(OPERATIONS)) {
      const { status } = await wire.send({ ...request, headers: bearer('whatever') });
      t.equal(status, name === 'create' ? 201 : 200, name);
    }
  });

  t.test('each operation needs its verb and its queue', async (t) => {
    const { wire, secrets } = await guarded(t, start);
    for (const [name, secret] of Object.entries(secrets)) {
      for (const [operation, request] of Object.entries(OPERATIONS)) {
        const answer = await wire.send({ ...request, headers: bearer(secret) });
        const allowed = ALLOWED[name as keyof typeof RIGHTS].includes(operation);
        if (allowed) t.ok(answer.status < 300, `${name} may ${operation}`);
        else isProblem(t, answer, 403, 'forbidden');
        if (!allowed) t.notOk('rotera-epoch' in answer.headers, 'nothing is said of the queue');
      }
      const wanted = name === 'all' || name === 'tailer' ? 200 : 403;
      const events = wire.events('/queues/q/tail', bearer(secret));
      t.equal(wanted === 200 ? (await events) && 200 : (await refusal(events)).status, wanted, `${name}: tail`);
      const socket = wire.open('/queues/q/push', { headers: bearer(secret) });
      const mayPush = name === 'all' || name === 'pusher';
      t.equal(mayPush ? (await socket) && 101 : (await refusal(socket)).status, mayPush ? 101 : 403, `${name}: push`);
    }
  });

  t.test('without a token it is 401, whatever there is', async (t) => {
    const { wire, secrets } = await guarded(t, start);
    const paths = ['/queues', '/queues/q', '/queues/none', '/queues/q/messages', '/queues/q/tail', '/nothing'];
    const wrong = [
      undefined,
      'Bearer',
      'Bearer ',
      'Bearer wrong',
      `Basic ${secrets['all']}`,
      `Bearer ${secrets['all']}x`,
      `Bearer ${secrets['all']} ${secrets['all']}`,
      `bearer${secrets['all']}`,
    ];
    for (const path of paths) {
      for (const authorization of wrong) {
        const answer = await wire.send({ path, headers: authorization === undefined ? {} : { authorization } });
        isProblem(t, answer, 401, 'unauthorized');
        t.equal(answer.headers['www-authenticate'], 'Bearer');
        t.notOk(answer.body.toString().includes(secrets['all'] as string), 'a secret is not repeated');
      }
    }
    const inUrl = await wire.send({ path: `/queues?token=${secrets['all']}` });
    isProblem(t, inUrl, 401, 'unauthorized');
    t.equal(
      (await wire.send({ path: '/queues', headers: { authorization: `bearer  ${secrets['all']}` } })).status,
      200,
    );
    for (const path of ['/healthz', '/readyz']) t.equal((await wire.send({ path })).status, 200, `${path} is open`);
  });

  t.test('the list shows what a token may stat', async (t) => {
    const { wire, secrets } = await guarded(t, start);
    const listed = async (name: string): Promise<unknown> => {
      const { json } = await wire.send({ path: '/queues', headers: bearer(secrets[name] as string) });
      return (json['queues'] as Array<{ queue: string }>).map(({ queue }) => queue);
    };
    t.strictSame(await listed('all'), ['log.a', 'logs-a', 'logs-b', 'q']);
    t.strictSame(await listed('reader'), ['logs-a', 'logs-b', 'q']);
    t.strictSame(await listed('stater'), ['logs-a'], 'a dot is no wildcard');
    t.strictSame(await listed('pusher'), []);
  });

  t.test('a WebSocket passes its token as a subprotocol, which is never the one chosen', async (t) => {
    const { wire, secrets } = await guarded(t, start);
    const protocols = (secret: string, ...others: string[]): { protocols: string[] } => ({
      protocols: [`rotera.token.${Buffer.from(secret).toString('base64url')}`, ...others],
    });
    const tail = await wire.open('/queues/q/tail?from=0', protocols(secrets['tailer'] as string, 'rotera.v1'));
    t.match(await tail.json(), { type: 'open' });
    const binary = await wire.open('/queues/q/tail?from=0', protocols(secrets['tailer'] as string, 'rotera.batch.v1'));
    await binary.json();
    t.ok(Buffer.isBuffer(await binary.next()));
    t.equal((await refusal(wire.open('/queues/q/tail', protocols('wrong', 'rotera.v1')))).status, 401);
    t.equal((await refusal(wire.open('/queues/q/tail', { protocols: ['rotera.v1'] }))).status, 401);
    t.equal((await refusal(wire.open('/queues/q/push', protocols(secrets['tailer']!, 'rotera.v1')))).status, 403);
  });

  t.test('one token has only so many tails', async (t) => {
    const { access, secrets } = tokens({ one: ['*', '*'], two: ['*', '*'] });
    const wire = await start(t, { access, limits: { maxTails: 5, maxTailsPerToken: 2 } });
    await makeQueue(wire);
    const open = (name: string) => wire.open('/queues/q/tail', { headers: bearer(secrets[name] as string) });
    await open('one');
    await wire.events('/queues/q/tail', bearer(secrets['one'] as string));
    t.equal((await refusal(open('one'))).status, 429);
    await open('two');
    const answer = await wire.send({ path: '/queues/q/tail', headers: bearer(secrets['one'] as string) });
    isProblem(t, answer, 429, 'too_many_tails');
  });

  t.test('tokens can be replaced while the server runs', async (t) => {
    const { access, secrets } = tokens(RIGHTS);
    const wire = await start(t, { access });
    const { secret, line } = makeToken('new', '*', '*');
    const status = async (token: string) => (await wire.send({ path: '/queues', headers: bearer(token) })).status;
    t.strictSame([await status(secrets['all'] as string), await status(secret)], [200, 401]);
    access.replace(parseTokens(line));
    t.strictSame([await status(secrets['all'] as string), await status(secret)], [401, 200]);
  });
};

async function guarded(t: Test, start: Start): Promise<{ wire: Wire; secrets: Record<string, string> }> {
  const { access, secrets } = tokens(RIGHTS);
  const wire = await start(t, { access });
  await pushEach(await makeQueue(wire), 'a');
  for (const name of ['logs-b', 'logs-a', 'log.a']) await makeQueue(wire, {}, name);
  return { wire, secrets };
}
