/**
 * `rotera/client` in browsers, and wherever else there are `fetch` and `WebSocket`.
 */
import { RoteraClient } from './client.js';
import type { ConnectOptions } from './http.js';
import { webTransport } from './transport-web.js';

export * from './names.js';

/** A client of the server at `url`. Nothing is sent yet. @throws `bad_parameter` when the address is none */
export const connect = (options: ConnectOptions = {}): RoteraClient => new RoteraClient(webTransport, options);
