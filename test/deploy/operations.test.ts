import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { connect } from '../../src/client/node.js';
import { parseMetrics } from '../support/exposition.js';
import { ROTERA, serve } from '../support/program.js';
import { startServer } from '../support/server.js';
import { isAsShown, stepsOf, takeSteps } from '../support/tour.js';

const fileOf = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
const operations = fileOf('operations.md');
const alerts = fileOf('monitoring/alerts.yml');
const dashboard = fileOf('monitoring/grafana-dashboard.json');

/** Queries of the dashboard, with a value in the place of each variable. */
const queries = [...dashboard.matchAll(/"expr": "((?:[^"\\]|\\.)*)"/g)].map(([, expr]) =>
  (JSON.parse(`"${expr}"`) as string).replaceAll('$__rate_interval', '5m').replace(/\$\w+/g, 'x'),
);

const namesIn = (text: string): string[] => [...new Set(text.match(/\b(rotera_|process_|nodejs_)[a-z0-9_]*[a-z0-9]/g))];
const promtool = (words: string[], input = '') => spawnSync('promtool', words, { input, encoding: 'utf8' });
const noPromtool =
  promtool(['--version']).status === 0 ? false : 'promtool is not installed (apt-get install prometheus)';

/** The text of a scrape in which every family has a sample. */
async function scrape(t: Test): Promise<string> {
  const { send, client } = await startServer(t);
  await client.create('q', { maxBytes: 1000, reserve: false });
  await client.push('q', 'a');
  await client.read('q', { cursor: 'c' });
  return (await send({ path: '/metrics' })).body.toString();
}

t.test('every metric that the documents, the dashboard and the alerts name is there', async (t) => {
  const metrics = parseMetrics(await scrape(t));
  const known = new Set(
    metrics.flatMap(({ name, type }) =>
      type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  for (const [name, text] of Object.entries({ operations, alerts, dashboard })) {
    const named = namesIn(text);
    t.ok(named.length >= 10, `${name} names some`);
    t.strictSame(
      named.filter((one) => !known.has(one)),
      [],
      name,
    );
  }
  const own = metrics.map(({ name }) => name).filter((name) => name.startsWith('rotera_'));
  t.ok(own.length > 30);
  t.strictSame(
    own.filter((name) => !namesIn(operations).includes(name)),
    [],
    'and each of ours is explained',
  );
});

t.test('the values of labels that they ask for are there, too', async (t) => {
  const samples = parseMetrics(await scrape(t)).flatMap(({ samples }) => [...samples.keys()]);
  const asked = [alerts, operations, ...queries].flatMap((text) => [...text.matchAll(/\b(rotera_\w+)\{([^{}]*)\}/g)]);
  let checked = 0;
  for (const [, name, matchers = ''] of asked) {
    for (const [, label, values = ''] of matchers.matchAll(/\b(state|code|reason|kind)=~?"([^"]+)"/g)) {
      for (const value of values.split('|')) {
        t.ok(
          samples.some((key) => key.startsWith(`${name}{`) && key.includes(`${label}="${value}"`)),
          `${label} ${value}`,
        );
        checked++;
      }
    }
  }
  t.ok(checked >= 6, `${checked}`);
});

t.test('promtool finds nothing wrong', { skip: noPromtool }, async (t) => {
  const metrics = promtool(['check', 'metrics'], await scrape(t));
  t.strictSame([metrics.status, metrics.stdout + metrics.stderr], [0, ''], 'with the metrics');
  const directory = t.testdir({ 'alerts.yml': alerts });
  const rules = promtool(['check', 'rules', join(directory, 'alerts.yml')]);
  t.equal(rules.status, 0, `with the rules: ${rules.stdout}${rules.stderr}`);
  // Queries are checked as the rules that they could be.
  const asRules = queries.map((expr, i) => ({ record: `query_${i}`, expr }));
  t.ok(asRules.length > 30);
  const path = join(directory, 'queries.yml');
  writeFileSync(path, JSON.stringify({ groups: [{ name: 'dashboard', rules: asRules }] }));
  const panels = promtool(['check', 'rules', '--lint=none', path]);
  t.equal(panels.status, 0, `with the queries: ${panels.stdout}${panels.stderr}`);
});

t.test('backup, restore and a move are done as the document says', async (t) => {
  const cwd = t.testdir({ rots: {} });
  const { url } = await serve(t, ['--dir', 'rots'], { cwd });
  const client = connect({ url });
  const { epoch } = await client.create('orders', { maxMessages: 1000, maxBytes: 100_000, reserve: false });
  for (const first of [0, 750])
    await client.push(
      'orders',
      Array.from({ length: 750 }, (_, i) => `${first + i}`),
    );
  await client.read('orders', { cursor: 'billing', from: 1200, limit: 1 });
  const run = async (name: string): Promise<void> => {
    const steps = stepsOf(operations, name).map((step) => ({
      ...step,
      command: step.command
        .replaceAll('http://localhost:8245', url)
        .replace(/^rotera /, `'${process.execPath}' '${ROTERA}' `),
    }));
    t.ok(steps.length > 0, `there is ${name}`);
    for (const step of await takeSteps(steps, cwd, { PATH: process.env['PATH'], ROTERA_URL: url })) {
      t.equal(step.code, 0, step.command);
      t.ok(isAsShown(step), step.command, { output: step.output, expected: step.expected });
    }
  };
  await run('backup');
  await client.push('orders', 'after the backup');
  await run('restore');
  // The server looks at its directory each second; until then it serves the file that is gone.
  let restored = await client.stat('orders', { retryMs: 0 }).catch(() => undefined);
  while (restored === undefined || restored.epoch === epoch)
    restored = await client.stat('orders', { retryMs: 0 }).catch(() => undefined);
  const { oldest, next, cursors } = restored;
  t.strictSame([oldest, next, cursors['billing']?.position], [500, 1500, 1200], 'with ids and cursors');
  await run('move');
  t.equal((await client.stat('moved')).count, 1000);
});
