/**
 * Runs the tests with tap and closes with one line that counts the assertions: `N passed, N failed`. Extra words go to tap.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';

const results = '.tap/results.tap';
mkdirSync('.tap', { recursive: true });
const tap = spawnSync('npx', ['tap', 'run', `--output-file=${results}`, ...process.argv.slice(2)], {
  stdio: 'inherit',
});

// tap ends its output with a comment such as `# { total: 12, pass: 11, fail: 1 }`.
const summary = /^# \{ (.*) \}$/m.exec(readFileSync(results, 'utf8').split('\n').slice(-8).join('\n'))?.[1] ?? '';
const count = (word) => Number(new RegExp(`\\b${word}: (\\d+)`).exec(summary)?.[1] ?? 0);
const failed = tap.status === 0 ? count('fail') : Math.max(1, count('fail'));
console.log(`${count('pass')} passed, ${failed} failed`);
process.exitCode = failed === 0 && count('pass') > 0 ? 0 : 1;
