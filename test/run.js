/**
 * Runs the tests with tap and closes with one line that counts the assertions: `N passed, N failed`. Extra words go to tap.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';

const results = '.tap/results.tap';
mkdirSync('.tap', { recursive: true });
// The report for a terminal redraws its lines: elsewhere only the failures are told, below.
const reporter = process.stdout.isTTY ? [] : ['--reporter=silent'];
const tap = spawnSync('npx', ['tap', 'run', ...reporter, `--output-file=${results}`, ...process.argv.slice(2)], {
  stdio: 'inherit',
});

const lines = readFileSync(results, 'utf8').split('\n');
/** Longest report of one failed test that is shown, in lines. */
const REPORT_LINES = 40;
let shown = 0;
for (const line of lines) {
  const failed = /^\s*not ok /.test(line);
  if (failed) shown = REPORT_LINES;
  else if (/^\s*(ok |\.\.\.$)/.test(line)) shown = 0;
  if (shown-- > 0) console.log(line);
}

// tap ends its output with a comment such as `# { total: 12, pass: 11, fail: 1 }`.
const summary = /^# \{ (.*) \}$/m.exec(lines.slice(-8).join('\n'))?.[1] ?? '';
const count = (word) => Number(new RegExp(`\\b${word}: (\\d+)`).exec(summary)?.[1] ?? 0);
const failed = tap.status === 0 ? count('fail') : Math.max(1, count('fail'));
console.log(`${count('pass')} passed, ${failed} failed`);
process.exitCode = failed === 0 && count('pass') > 0 ? 0 : 1;
