/**
 * Who may do what: each token is for some operations and some queues.
 */
import { RoteraError } from '../errors.js';
import { TOKEN_PROTOCOL, type Verb } from '../protocol/api.js';
import { hashOf, type Token } from '../tokens.js';

/** Knows the tokens. Without any, everyone who can connect may do all. */
export class Access {
  #tokens: ReadonlyMap<string, Token> | undefined;

  constructor(tokens?: readonly Token[]) {
    this.replace(tokens);
  }

  /** From now on, these tokens count and no others. What is open already stays open. */
  replace(tokens: readonly Token[] | undefined): void {
    this.#tokens = tokens === undefined ? undefined : new Map(tokens.map((token) => [token.hash, token]));
  }

  /** The token that a request carries; undefined where none is needed. @throws `unauthorized` */
  identify(headers: {
    readonly authorization?: string | undefined;
    readonly 'sec-websocket-protocol'?: string | undefined;
  }): Token | undefined {
    if (this.#tokens === undefined) return undefined;
    const secret = bearer(headers.authorization) ?? fromProtocols(headers['sec-websocket-protocol']);
    const token = secret === undefined ? undefined : this.#tokens.get(hashOf(secret));
    if (token !== undefined) return token;
    const text =
      secret === undefined
        ? 'This server wants a token: Authorization: Bearer TOKEN.'
        : 'This token is not known here.';
    throw new RoteraError('unauthorized', text);
  }
}

/** Whether a token, or the lack of need of one, allows an operation on a queue; on all queues when none is named. */
export const allows = (token: Token | undefined, verb: Verb, queue?: string): boolean =>
  token === undefined ||
  (token.verbs.has(verb) && (queue === undefined ? token.queues.source === '^(?:.*)$' : token.queues.test(queue)));

function bearer(authorization: string | undefined): string | undefined {
  return /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization ?? '')?.[1];
}

/** A browser cannot set headers on a WebSocket: it passes the token among the subprotocols. */
function fromProtocols(protocols: string | undefined): string | undefined {
  const offered = protocols?.split(',').map((one) => one.trim());
  const encoded = offered?.find((one) => one.startsWith(TOKEN_PROTOCOL))?.slice(TOKEN_PROTOCOL.length);
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64url').toString();
}
