import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ROTERA, serve } from './support/program.js';
import { isAsShown, type Step, stepsOf, type Taken, takeSteps } from './support/tour.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const hasCurl = spawnSync('curl', ['--version']).status === 0;
/** What curl ends with when its time is up, as it is meant to be in the tour. */
const TIME_IS_UP = 28;

/** Takes the steps against a server of their own, with its address in place of the default one. */
async function take(t: Test, steps: readonly Step[], files: Record<string, string> = {}): Promise<Taken[]> {
  const cwd = t.testdir({ rots: {}, ...files });
  const { url } = await serve(t, [], { cwd });
  // A curl whose output is no terminal would show its progress.
  writeFileSync(join(cwd, '.curlrc'), 'silent\nnoproxy = *\n');
  const address = new URL(url).host;
  const local = steps.map((step) => ({
    ...step,
    command: step.command
      .replaceAll('localhost:8245', address)
      .replaceAll('npx rotera', `'${process.execPath}' '${ROTERA}'`),
  }));
  const { PATH = '' } = process.env;
  return takeSteps(local, cwd, { PATH, HOME: cwd, CURL_HOME: cwd, ROTERA_URL: url });
}

function check(t: Test, taken: readonly Taken[]): void {
  for (const step of taken) {
    t.ok(step.code === 0 || step.code === TIME_IS_UP, `${step.command}: exit code ${step.code}`);
    t.ok(isAsShown(step), step.command, { output: step.output, expected: step.expected });
  }
}

t.test('the tour is true', { skip: hasCurl ? false : 'there is no curl on this machine' }, async (t) => {
  const steps = stepsOf(readme, 'tour');
  t.ok(steps.length >= 10 && steps.filter(({ expected }) => expected.length > 0).length >= 10, 'the tour is found');
  check(t, await take(t, steps));
});

t.test('the demo is true', async (t) => {
  const steps = stepsOf(readme, 'demo');
  t.ok(steps.length >= 5, 'the demo is found');
  const [choice, ...rest] = steps;
  t.match(choice?.command, /^LOG=/, 'it begins with the choice of a log');
  const lines = Array.from(
    { length: 5114 },
    (_, i) => `2026-01-02 03:04:05 status installed package-${i}:amd64 1.${i}-2`,
  );
  check(t, await take(t, [{ command: 'LOG=any.log', expected: [] }, ...rest], { 'any.log': `${lines.join('\n')}\n` }));
});

t.test('a README that is wrong is found out', async (t) => {
  const [step] = stepsOf('```sh tour\n# why\necho {"epoch":"abcdefghijkl"}\n#> {"epoch":"EPOCH"…\n```\n', 'tour');
  t.match(step, { command: 'echo {"epoch":"abcdefghijkl"}', expected: ['{"epoch":"EPOCH"…'] });
  const shown = (expected: string[], output: string): boolean => isAsShown({ command: '', code: 0, expected, output });
  t.ok(
    shown(['{"epoch":"EPOCH","time":"TIME"…}'], '{"epoch":"abcdefghijkl","time":"2026-01-02T03:04:05.678Z","a":1}\n'),
  );
  t.notOk(shown(['{"epoch":"EPOCH"}'], '{"epoch":"short"}'));
  t.notOk(shown(['{"next":1}'], '{"next":2}'));
  t.notOk(shown(['one', 'two'], 'one'));
  t.notOk(shown(['one'], 'one\ntwo'));
});
