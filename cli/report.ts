/**
 * What people and programs are told of an error.
 */
import { isRoteraError, messageOf } from '../src/errors.js';
import type { Hints } from './context.js';
import { EXIT_CODES } from './exit-codes.js';
import { styleFor } from './style.js';

/** What to do about an error, where its own text does not say so. */
const HINTS: Hints = {
  queue_not_found: 'Make it with "rotera create NAME"; "rotera stat" lists what is there.',
  config_mismatch:
    'Leave the limit out to take the queue as it is, or change its file with "rotera resize" while the server is stopped.',
  not_found: 'The address of a server has no path: http://HOST:PORT.',
  unauthorized: 'Give a token with ROTERA_TOKEN or --token; "rotera token" makes one, beside the server.',
  forbidden: 'Another token may: ROTERA_TOKEN or --token; "rotera token" makes one, beside the server.',
  unreachable: 'Start a server with "rotera serve", or name another with --url or ROTERA_URL.',
  not_rotera: 'Name the server with --url or ROTERA_URL; rotera listens on port 8245 unless told otherwise.',
  overloaded: 'Try again in a moment.',
  draining: 'The server is stopping; try again when it is back.',
};

const CERTIFICATE_HINT =
  'Trust its issuer with --ca FILE or ROTERA_CA; to try things out, --insecure takes any certificate.';

/** The server's advice is for those who speak HTTP to it; ours follows instead. */
const HTTP_ADVICE = / Create it with PUT \S+|: Authorization: Bearer TOKEN/;

interface ReportOptions {
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly json: boolean;
  /** Instead of the usual ones, code by code. */
  readonly hints?: Hints | undefined;
}

/** Says on standard error what went wrong and what to do; answers the exit code. */
export function report(error: unknown, { stderr, env, json, hints }: ReportOptions): number {
  const { code, details } = isRoteraError(error) ? error : { code: 'internal' as const, details: {} };
  const hint = 'certificate' in details ? CERTIFICATE_HINT : (hints?.[code] ?? HINTS[code]);
  const text = messageOf(error).replace(HTTP_ADVICE, '');
  const message = hint === undefined || hint === '' ? text : `${text} ${hint}`;
  if (json) stderr.write(`${JSON.stringify({ error: code, message, ...details })}\n`);
  else stderr.write(`${styleFor(stderr, env).red('rotera:')} ${message}\n`);
  return EXIT_CODES[code];
}
