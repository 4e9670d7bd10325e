import { RoteraError } from '../errors.js';
import type { HttpResponse } from './transport.js';

/** The JSON of an answer, trusted to be what its route gives. @throws `not_rotera` when it is no JSON */
export function jsonOf<T>(response: HttpResponse, url: URL): T {
  try {
    return JSON.parse(new TextDecoder().decode(response.body)) as T;
  } catch (cause) {
    const form = response.header('content-type') ?? 'no content type';
    const text = `What answers at ${url.origin} is no rotera server (${form}): is the address right?`;
    throw new RoteraError('not_rotera', text, { status: response.status }, { cause });
  }
}
