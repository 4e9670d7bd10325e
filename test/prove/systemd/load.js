/**
 * load.js URL SECONDS: eight clients push to queue q and read from it, each request on a connection of its own. Prints how many
 * requests ended how, as JSON: {"ok": 100, "acknowledged": 50, "slowestMs": 20, "ECONNREFUSED": 1}.
 */
import { once } from 'node:events';
import { request } from 'node:http';

const [url, seconds] = process.argv.slice(2);
const end = Date.now() + Number(seconds) * 1000;
const counts = { ok: 0, acknowledged: 0, slowestMs: 0 };

async function ask(method, path, body) {
  const started = Date.now();
  let outcome = 'ok';
  try {
    const asked = request(url + path, { method, agent: false }).end(body);
    const [answer] = await once(asked, 'response');
    let text = '';
    for await (const chunk of answer) text += chunk;
    if (answer.statusCode !== 200) outcome = `status ${answer.statusCode} ${JSON.parse(text).code}`;
  } catch (error) {
    outcome = error.code;
  }
  counts[outcome] = (counts[outcome] ?? 0) + 1;
  counts.slowestMs = Math.max(counts.slowestMs, Date.now() - started);
  return outcome === 'ok';
}

async function client() {
  while (Date.now() < end) {
    if (await ask('POST', '/queues/q/messages', 'message')) counts.acknowledged++;
    await ask('GET', '/queues/q/messages?from=-1');
  }
}

await Promise.all(Array.from({ length: 8 }, client));
console.log(JSON.stringify(counts));
