/**
 * A proxy in front of a server, with the very settings that docs/deploy.md shows: only what is of a place (names of sockets,
 * certificates) is replaced.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { WebSocket } from 'ws';

export const HOST = 'queue.example.org';
const documentation = readFileSync(new URL('../../docs/deploy.md', import.meta.url), 'utf8');

/** The settings in the documentation, with the server and the socket of this test. */
function settings(language: string, server: string, replacements: readonly (readonly [RegExp, string])[]): string {
  const block = new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'm').exec(documentation)?.[1] ?? '';
  const places = [[/127\.0\.0\.1:8245/g, server] as const, ...replacements];
  for (const [pattern] of places)
    if (block.search(pattern) < 0) throw new Error(`docs/deploy.md, ${language}: ${pattern}`);
  return places.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), block);
}

interface Kind {
  readonly program: string;
  readonly version: readonly string[];
  /** What ends it at once, whatever is open. */
  readonly stop: NodeJS.Signals;
  /** The configuration, and the words that run it in the foreground. */
  readonly configure: (directory: string, server: string, socket: string) => { text: string; words: readonly string[] };
}

export const PROXIES: Readonly<Record<string, Kind>> = {
  nginx: {
    program: 'nginx',
    version: ['-v'],
    stop: 'SIGTERM',
    configure: (directory, server, socket) => ({
      text: `
        ${process.getuid?.() === 0 ? 'user root;' : ''}
        daemon off;
        pid ${directory}/pid;
        events {}
        http {
          access_log off;
          ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')}
          ${settings('nginx', server, [
            [/listen 443 ssl;/, `listen unix:${socket};`],
            [/ +ssl_certificate.*\n/g, ''],
          ])}
        }`,
      words: ['-p', directory, '-e', 'stderr', '-c', `${directory}/configuration`],
    }),
  },
  caddy: {
    program: 'caddy',
    version: ['version'],
    stop: 'SIGKILL',
    configure: (directory, server, socket) => ({
      text: `{\nadmin off\n}\n${settings('caddy', server, [[/^queue\.example\.org \{/m, `http://${HOST} {\nbind unix/${socket}`]])}`,
      words: ['run', '--adapter', 'caddyfile', '--config', `${directory}/configuration`],
    }),
  },
};

export const isInstalled = ({ program, version }: Kind): boolean =>
  spawnSync(program, version, { stdio: 'ignore' }).status === 0;

export interface Answer {
  readonly status: number | undefined;
  readonly body: Buffer;
}

/** Requests through a proxy. */
export class Gateway {
  private constructor(readonly socket: string) {}

  /** Starts a proxy in front of a server at `HOST:PORT` and resolves when it listens. */
  static async start(t: Test, kind: Kind, server: string): Promise<Gateway> {
    // A short path: that of a Unix socket has 107 characters at most.
    const directory = mkdtempSync(join(tmpdir(), 'rotera-'));
    const socket = join(directory, 's');
    const { text, words } = kind.configure(directory, server, socket);
    writeFileSync(join(directory, 'configuration'), text);
    const env = { ...process.env, HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory };
    const child = spawn(kind.program, words, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk;
    });
    const ended = once(child, 'exit');
    t.teardown(async () => {
      child.kill(kind.stop);
      await ended;
      rmSync(directory, { recursive: true, force: true });
    });
    while (!(await isListening(socket))) {
      if (child.exitCode !== null) throw new Error(errors);
      await delay(20);
    }
    return new Gateway(socket);
  }

  /** Resolves when the head of the answer is there. */
  async open(method: string, path: string, body?: Uint8Array): Promise<IncomingMessage> {
    const asked = request({ socketPath: this.socket, method, path, headers: { host: HOST }, agent: false });
    const answered = once(asked, 'response');
    asked.end(body);
    return (await answered)[0] as IncomingMessage;
  }

  async ask(method: string, path: string, body?: Uint8Array): Promise<Answer> {
    const answer = await this.open(method, path, body);
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    return { status: answer.statusCode, body: Buffer.concat(chunks) };
  }

  webSocket(path: string): WebSocket {
    return new WebSocket(`ws+unix:${this.socket}:${path}`, { headers: { host: HOST } });
  }
}

async function isListening(path: string): Promise<boolean> {
  const probe = connect(path);
  try {
    await once(probe, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    probe.destroy();
  }
}
