/**
 * The file of tokens: each with the operations and the queues it is for.
 *
 * It has one a line: `sha256:HEX NAME VERBS QUEUES`. VERBS are some of create, push, read, tail, stat with commas between, or
 * `*`; QUEUES are patterns with commas between, in which `*` stands for any run of characters. Lines that begin with `#` and
 * empty ones count for nothing. A token is 32 random bytes, so that its plain SHA-256 gives nothing away.
 */
import { createHash, randomBytes } from 'node:crypto';
import { RoteraError } from './errors.js';
import { VERBS, type Verb } from './protocol/api.js';

/** What one token allows. */
export interface Token {
  /** For logs and limits; not secret. */
  readonly name: string;
  readonly hash: string;
  readonly verbs: ReadonlySet<Verb>;
  readonly queues: RegExp;
}

const TOKEN_BYTES = 32;
const HASH = /^sha256:[0-9a-f]{64}$/;

/** What the file says of a secret. */
export const hashOf = (secret: string): string => `sha256:${createHash('sha256').update(secret).digest('hex')}`;

/** A new secret, to be shown once, and the line of the file that stands for it. @throws `bad_parameter` */
export function makeToken(name: string, verbs: string, queues: string): { secret: string; line: string } {
  const secret = `rot_${randomBytes(TOKEN_BYTES).toString('base64url')}`;
  const words = [hashOf(secret), name, verbs, queues];
  parseToken(words, (reason) => new RoteraError('bad_parameter', `${reason}.`, { parameter: 'token' }));
  return { secret, line: words.join(' ') };
}

/** @throws `bad_config` naming the line */
export function parseTokens(text: string): Token[] {
  return text.split('\n').flatMap((line, i) => {
    const words = line.trim();
    return words === '' || words.startsWith('#') ? [] : [parseToken(words.split(/\s+/), badLine(i + 1))];
  });
}

const badLine =
  (line: number) =>
  (reason: string): RoteraError => {
    const text = `Line ${line} of the tokens file: ${reason}. A line is: sha256:HEX NAME VERBS QUEUES.`;
    return new RoteraError('bad_config', text, { line });
  };

/** @param bad the error to throw for what is not accepted, which is told with its reason */
function parseToken(
  [hash = '', name = '', verbs = '', queues = '', ...rest]: readonly string[],
  bad: (reason: string) => RoteraError,
): Token {
  if (!HASH.test(hash)) throw bad('it does not begin with sha256: and 64 hex digits');
  if (name === '' || verbs === '' || queues === '' || rest.length > 0) throw bad('it has not four words');
  const allowed = verbs === '*' ? VERBS : verbs.split(',');
  const unknown = allowed.find((verb) => !(VERBS as readonly string[]).includes(verb));
  if (unknown !== undefined)
    throw bad(`${JSON.stringify(unknown)} is no verb; accepted: ${VERBS.join(', ')}, with commas, or * for all`);
  if (!/^[A-Za-z0-9._,*-]+$/.test(queues))
    throw bad(`${JSON.stringify(queues)} is no list of queues; accepted: names with commas, with * for anything`);
  const pattern = queues
    .split(',')
    .map((one) => one.replaceAll('.', '\\.').replaceAll('*', '.*'))
    .join('|');
  return { name, hash, verbs: new Set(allowed as Verb[]), queues: new RegExp(`^(?:${pattern})$`) };
}
