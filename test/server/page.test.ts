import t from 'tap';
import { Access } from '../../src/server/access.js';
import { makeToken, parseTokens } from '../../src/tokens.js';
import { contract, isProblem, startServer } from '../support/server.js';

const FILES = {
  '/': 'text/html; charset=utf-8',
  '/page/page.css': 'text/css; charset=utf-8',
  '/page/main.js': 'text/javascript; charset=utf-8',
  '/page/icon.svg': 'image/svg+xml',
  '/page/uplot.js': 'text/javascript; charset=utf-8',
  '/page/uplot.css': 'text/css; charset=utf-8',
};

contract(t, 'the page takes nothing from elsewhere and cannot be framed', async (t, { send }) => {
  for (const [path, type] of Object.entries(FILES)) {
    const { status, headers, body } = await send({ path });
    t.equal(status, 200, path);
    t.equal(headers['content-type'], type, path);
    t.match(headers, {
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache',
    });
    const again = await send({ path, headers: { 'if-none-match': String(headers['etag']) } });
    t.strictSame([again.status, again.body.length], [304, 0], `${path}, known already`);
    const head = await send({ method: 'HEAD', path });
    t.strictSame([head.status, head.headers['content-length']], [200, String(body.length)], `${path}, its head`);
  }
  isProblem(t, await send({ path: '/page/none.js' }), 404, 'not_found');
  isProblem(t, await send({ path: '/page/..%2Fapp.js' }), 404, 'not_found');
  isProblem(t, await send({ method: 'POST', path: '/' }), 405, 'method_not_allowed');
});

t.test('its files are open, what it shows is not', async (t) => {
  const { line } = makeToken('me', '*', '*');
  const { send } = await startServer(t, { app: { access: new Access(parseTokens(line)) } });
  for (const path of Object.keys(FILES)) t.equal((await send({ path })).status, 200, path);
  isProblem(t, await send({ path: '/queues' }), 401, 'unauthorized');
  isProblem(t, await send({ path: '/metrics' }), 401, 'unauthorized');
});
