import { readFileSync } from 'node:fs';
import t from 'tap';
import { checkTour, hasCurl, isAsShown, openPlace, stepsOf, takeTour } from './support/tour.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

t.test('the tour is true', { skip: !hasCurl && 'there is no curl on this machine' }, async (t) => {
  const steps = stepsOf(readme, 'tour');
  t.ok(steps.length >= 10 && steps.filter(({ expected }) => expected.length > 0).length >= 10, 'the tour is found');
  checkTour(t, await takeTour(await openPlace(t), steps));
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
  const place = await openPlace(t, { 'any.log': `${lines.join('\n')}\n` });
  checkTour(t, await takeTour(place, [{ command: 'LOG=any.log', expected: [] }, ...rest]));
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
