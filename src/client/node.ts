/**
 * `rotera/client` in Node.
 */
import { RoteraClient } from './client.js';
import type { ConnectOptions } from './http.js';
import { type NodeOptions, nodeTransport } from './transport-node.js';

export * from './names.js';
export type { NodeOptions };

/** A client of the server at `url`. Nothing is sent yet. @throws `bad_parameter` when the address is none */
export const connect = ({ ca, insecure, socketPath, ...options }: ConnectOptions & NodeOptions = {}): RoteraClient =>
  new RoteraClient(nodeTransport({ ca, insecure, socketPath }), options);
