// @ts-check
/**
 * The server, as the page talks to it: with the token of whoever looks, never in a URL.
 */

const KEY = 'rotera-token';
/** An answer that takes longer is taken for none. */
const PATIENCE_MS = 15_000;

/** What the server refuses: its problem document. */
export class Refusal extends Error {
  /** @param {{ status: number, code: string, detail: string }} problem */
  constructor({ status, code, detail }) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/** Told when a token is needed, with the reason. */
export const needsToken = new EventTarget();

export const token = {
  get: () => sessionStorage.getItem(KEY) ?? '',
  /** @param {string} value empty to forget it */
  set: (value) => (value === '' ? sessionStorage.removeItem(KEY) : sessionStorage.setItem(KEY, value)),
};

/** @returns {Record<string, string>} */
function credentials() {
  const value = token.get();
  return value === '' ? {} : { authorization: `Bearer ${value}` };
}

/** Relative, so that a proxy may serve the page below a path. @param {string} queue @param {string} [rest] */
export const queueUrl = (queue, rest = '') => `queues/${encodeURIComponent(queue)}${rest}`;

/**
 * @param {string} path
 * @param {RequestInit & { patient?: boolean }} [options] patient: the answer may take as long as it likes
 * @returns {Promise<Response>}
 * @throws {Refusal} and what fetch throws when there is no answer
 */
export async function ask(path, { patient = false, signal, headers, ...options } = {}) {
  const signals = [...(signal ? [signal] : []), ...(patient ? [] : [AbortSignal.timeout(PATIENCE_MS)])];
  const response = await fetch(path, {
    ...options,
    headers: { ...credentials(), .../** @type {Record<string, string>} */ (headers ?? {}) },
    signal: AbortSignal.any(signals),
    cache: 'no-store',
  });
  if (response.ok) return response;
  const refusal = new Refusal(await problemOf(response));
  if (refusal.status === 401) needsToken.dispatchEvent(new CustomEvent('needed', { detail: refusal.message }));
  throw refusal;
}

/** @param {Response} response */
async function problemOf(response) {
  const fallback = { status: response.status, code: 'none', detail: `The server answered ${response.status}.` };
  try {
    return { ...fallback, ...(await response.json()) };
  } catch {
    // A proxy has answered in its own form.
    return fallback;
  }
}

/**
 * @template T
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<T>}
 */
export const askJson = async (path, options) => (await ask(path, options)).json();

/** Why something did not work, in words. @param {unknown} error */
export const reason = (error) =>
  error instanceof Refusal ? error.message : 'The server does not answer. Is it running?';
