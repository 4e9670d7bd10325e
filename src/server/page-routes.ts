/**
 * The page at `/`: the files of `page/`, and the plotting library as its package has it. Nothing in it is secret; what it shows
 * it asks of the API, with the token of whoever looks at it.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { namesTag } from './answers.js';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The page takes nothing from elsewhere, runs no script but its own files, makes no markup out of text, and is in no frame. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const HEADERS = {
  'content-security-policy': POLICY,
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // Asked for again each time, and answered by its tag: a new version of the server has a new page at once.
  'cache-control': 'no-cache',
} as const;

const FOLDER = new URL('./page/', import.meta.url);
const { resolve } = createRequire(import.meta.url);

interface File {
  readonly body: Buffer;
  readonly type: string;
  readonly tag: string;
}

function readFile(path: string | URL): File {
  const body = readFileSync(path);
  const tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 16)}"`;
  return { body, type: TYPES[extname(String(path))] ?? 'application/octet-stream', tag };
}

/** Every file of the page by the path at which it is served. */
function readFiles(): Map<string, File> {
  const own = readdirSync(FOLDER).filter((name) => TYPES[extname(name)] !== undefined);
  return new Map([
    ...own.map((name) => [name === 'index.html' ? '/' : `/page/${name}`, readFile(new URL(name, FOLDER))] as const),
    ['/page/uplot.js', readFile(resolve('uplot/dist/uPlot.iife.min.js'))],
    ['/page/uplot.css', readFile(resolve('uplot/dist/uPlot.min.css'))],
  ]);
}

export function addPageRoutes(app: FastifyInstance): void {
  for (const [path, file] of readFiles()) {
    app.get(path, { config: { open: true }, exposeHeadRoute: true }, async (request, reply) =>
      send(file, request, reply),
    );
  }
}

function send({ body, type, tag }: File, { headers }: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.headers({ ...HEADERS, etag: tag });
  return namesTag(headers['if-none-match'], tag) ? reply.code(304).send() : reply.type(type).send(body);
}
