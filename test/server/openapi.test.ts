import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import t from 'tap';
import { openapi } from '../../src/protocol/openapi.js';
import { schemas } from '../../src/protocol/schemas.js';
import { isProblem, type Request } from '../support/server.js';
import { startInProcess } from '../support/wire.js';

interface Operation {
  readonly parameters?: ReadonlyArray<{ readonly name: string; readonly in: string; readonly description: string }>;
}
type Path = Readonly<Record<string, Operation>>;

const METHODS = ['get', 'head', 'put', 'post', 'delete', 'patch', 'options'];
const pathOf = (template: string): string => template.replace('{queue}', 'q').replace('{id}', '0');
const paths: ReadonlyArray<readonly [template: string, path: Path]> = Object.entries(
  openapi.paths as unknown as Record<string, Path>,
);

/** The URLs in the tree that fastify prints. */
function routesOf(tree: string): string[] {
  const routes: string[] = [];
  const branch: string[] = [];
  for (const [, indent = '', segment = '', methods] of tree.matchAll(/^(.*?)[├└]── (\S*)( \(.*\))?$/gm)) {
    branch.length = indent.length / 4;
    branch.push(segment);
    if (methods !== undefined) routes.push(branch.join(''));
  }
  return routes;
}

t.test('the server gives it, and it is an OpenAPI document', async (t) => {
  const { send } = await startInProcess(t);
  const answer = await send({ path: '/openapi.json' });
  t.strictSame([answer.status, answer.headers['content-type']], [200, 'application/json; charset=utf-8']);
  t.strictSame(answer.json, JSON.parse(JSON.stringify(openapi)));
  t.match(await new Validator().validate(answer.json), { valid: true });
  const broken = { ...answer.json, paths: { queues: 1 } };
  t.match(await new Validator().validate(broken), { valid: false }, 'the check can fail');
});

t.test('it has each route below /queues with each method, and no other', async (t) => {
  const { send, app } = await startInProcess(t);
  await send({ method: 'PUT', path: '/queues/q' });
  const documented: string[] = [];
  for (const [template, path] of paths) {
    const refused = await send({ method: 'DELETE', path: pathOf(template) });
    const methods = METHODS.filter((method) => method in path).map((method) => method.toUpperCase());
    t.strictSame(refused.headers['allow']?.split(', ').sort(), methods.sort(), template);
    documented.push(template.replace(/\{(\w+)\}/g, ':$1'));
  }
  const routes = routesOf(app.printRoutes()).filter((route) => route.startsWith('/queues'));
  t.strictSame(routes.sort(), documented.sort());
});

t.test('a parameter is refused with the words that describe it', async (t) => {
  const { send } = await startInProcess(t);
  await send({ method: 'PUT', path: '/queues/q' });
  let tried = 0;
  for (const [template, path] of paths) {
    for (const method of METHODS.filter((method) => method in path)) {
      const { parameters = [] } = path[method] as Operation;
      for (const { name, in: place, description } of parameters) {
        if (place !== 'query' || method === 'head') continue;
        tried++;
        const request: Request = { path: `${pathOf(template)}?${name}=%00` };
        isProblem(t, await send(request), 400, 'bad_parameter', { parameter: name, accepted: description });
      }
    }
  }
  t.equal(tried, 22);
});

t.test('the answers are as it says', async (t) => {
  const { send } = await startInProcess(t);
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'rotera', components: { schemas } });
  const faults = (name: string, body: unknown): string[] => {
    const validate = ajv.getSchema(`rotera#/components/schemas/${name}`);
    validate?.(body);
    return (validate?.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  };
  const isA = (name: string, body: unknown): void => void t.strictSame(faults(name, body), [], name);
  const limits = '{"maxMessages":2,"maxBytes":100000,"reserve":false}';
  isA('Queue', (await send({ method: 'PUT', path: '/queues/q', body: limits })).json);
  for (const body of ['a', Buffer.from([255]), 'c'])
    isA('Pushed', (await send({ method: 'POST', path: '/queues/q/messages', body })).json);
  const read = await send({ path: '/queues/q/messages?from=0&cursor=c&move=true' });
  t.match(read.json, { messages: [{ encoding: 'base64' }, { data: 'c' }] });
  isA('Read', read.json);
  isA('Read', (await send({ path: '/queues/q/messages?from=0' })).json);
  const { json } = await send({ path: '/queues/q' });
  t.match(json, { cursors: { c: {} } });
  isA('Queue', json);
  isA('List', (await send({ path: '/queues' })).json);
  isA('Problem', (await send({ path: '/queues/none' })).json);
  t.not(faults('Read', { ...read.json, next: '3' }).length, 0, 'the check can fail');
});
