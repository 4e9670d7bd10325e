/**
 * What the client needs of the platform it runs on: a request, and a WebSocket. `transport-node.ts` and `transport-web.ts`
 * give it; nothing else in this folder knows where it runs.
 */

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string | undefined;
  readonly signal: AbortSignal;
  /** Called as bytes of the answer's body arrive. */
  readonly onBytes: () => void;
}

/** A whole answer. */
export interface HttpResponse {
  readonly status: number;
  /** One header, by its name in lower case; null when the answer has none. */
  readonly header: (name: string) => string | null;
  readonly body: Uint8Array;
}

/** A tail to open. */
export interface SocketRequest {
  readonly url: URL;
  /** The subprotocol to ask for. */
  readonly protocol: string;
  readonly token: string | undefined;
}

/** What a tail hears of its socket. One of `onRefused` and `onClose` is called, once, and nothing after it. */
export interface SocketListener {
  /** The server has taken the connection. */
  readonly onOpen: () => void;
  readonly onText: (text: string) => void;
  readonly onBinary: (bytes: Uint8Array) => void;
  /** The server has answered with an error status instead. */
  readonly onRefused: (response: HttpResponse) => void;
  /** Never opened, lost, or closed by either side. `reason` is the other side's or the platform's text, `cause` its error. */
  readonly onClose: (code: number, reason: string, cause?: Error) => void;
}

export interface Socket {
  /** Sends a text frame; does nothing unless the socket is open. */
  readonly send: (text: string) => void;
  /** Begins the closing handshake: what was sent before still arrives. */
  readonly close: () => void;
  /** Ends at once, without the handshake. */
  readonly terminate: () => void;
  /** Stops and goes on reading from the network. Absent where the platform cannot (a browser's WebSocket). */
  readonly pause?: () => void;
  readonly resume?: () => void;
}

export interface Transport {
  /** Rejects when no whole HTTP answer came; every status resolves. */
  readonly request: (request: HttpRequest) => Promise<HttpResponse>;
  /** Lets many calls share a signal, where the platform takes many listeners for a leak (Node). */
  readonly share?: (signal: AbortSignal) => void;
  readonly openSocket: (request: SocketRequest, listener: SocketListener) => Socket;
  /** Ends the connections that are kept between requests. */
  readonly close: () => Promise<void>;
}

/** The parts of a body as one. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
