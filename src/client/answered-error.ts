/**
 * The error that an HTTP answer stands for.
 */
import { type ErrorCode, errorCodes, RoteraError } from '../errors.js';
import type { HttpResponse } from './transport.js';

/** What a gateway says while the server behind it is away. */
const GATEWAY_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

/**
 * Our own problem document becomes its code, text and facts. Anything else was not said by rotera: `unreachable` when a
 * gateway has lost its server (worth a repeat), else `not_rotera`.
 */
export function answeredError(response: HttpResponse, url: URL): RoteraError {
  const text = new TextDecoder().decode(response.body);
  const problem = parseObject(text);
  if (problem !== undefined && typeof problem['code'] === 'string') return problemError(problem, response);
  const { status } = response;
  if (GATEWAY_STATUSES.has(status)) {
    return new RoteraError('unreachable', `The gateway at ${url.origin} answers ${status}: its server is away.`);
  }
  return foreignAnswer(response, url);
}

/** What is said of an answer that no rotera server gives. */
export function foreignAnswer({ status, header }: HttpResponse, url: URL, options?: ErrorOptions): RoteraError {
  const form = header('content-type') ?? 'no content type';
  const text = `What answers at ${url.origin} is no rotera server (status ${status}, ${form}): is the address right?`;
  return new RoteraError('not_rotera', text, { status }, options);
}

/** The error of a problem document, which a tail's `error` frame is as well. */
export function problemError(problem: Readonly<Record<string, unknown>>, response?: HttpResponse): RoteraError {
  const { code, detail, type, title, status, retryable, ...facts } = problem;
  const seconds = Number(response?.header('retry-after') ?? Number.NaN);
  const details = { ...facts, ...(Number.isFinite(seconds) ? { retryAfter: seconds } : {}) };
  if (isErrorCode(code)) return new RoteraError(code, String(detail ?? code), details);
  // A newer server's code: kept as a fact, since this version knows no more of it than its text.
  return new RoteraError('internal', `${String(detail ?? '')} (${String(code)})`.trim(), { ...details, code });
}

const isErrorCode = (code: unknown): code is ErrorCode => (errorCodes as readonly unknown[]).includes(code);

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // Not JSON: the caller says what it is instead.
    return undefined;
  }
}
