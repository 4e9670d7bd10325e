import { foreignAnswer } from './answered-error.js';
import type { HttpResponse } from './transport.js';

/**
 * The JSON of an answer, trusted to be what its route gives when it has the member that tells it from others: many a server
 * says 200 and some JSON to everything.
 * @throws `not_rotera`
 */
export function jsonOf<T extends object>(response: HttpResponse, url: URL, member: keyof T & string): T {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(response.body));
    if (typeof value === 'object' && value !== null && member in value) return value as T;
  } catch (cause) {
    throw foreignAnswer(response, url, { cause });
  }
  throw foreignAnswer(response, url);
}
