import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { start } from '../support/program.js';
import { startServer } from '../support/server.js';

const text = readFileSync(new URL('../../docs/client.md', import.meta.url), 'utf8');

/** The programs of the page, one behind the other; those of certificates and of browsers need what is not here. */
function examples(): string {
  const sections = text.split(/^## /m).filter((section) => !/^(Tokens|In browsers)/.test(section));
  return sections.flatMap((section) => [...section.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code)).join('');
}

t.test('every example of docs/client.md runs, and says what stands behind it', async (t) => {
  const { url } = await startServer(t);
  const program = join(t.testdir(), 'example.mjs');
  const code = examples().replaceAll('http://127.0.0.1:8245', url);
  writeFileSync(program, `${code}\nawait client.close();\nawait patient.close();\n`);
  const child = start([], { program });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (chunk) => {
      said[name] += chunk;
    });
  t.equal(await new Promise((resolve) => child.once('close', resolve)), 0, said.stderr);
  const expected = [...code.matchAll(/^ *console\.log\(.*\); \/\/ (.*)$/gm)].map(([, line]) => line as string);
  t.ok(expected.length >= 5);
  const lines = said.stdout.split('\n');
  for (const line of expected) {
    const beginning = line.replace(/ …$/, '');
    t.ok(
      lines.some((one) => (line === beginning ? one === line : one.startsWith(beginning))),
      line,
    );
  }
});
