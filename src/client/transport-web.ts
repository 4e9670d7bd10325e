/**
 * The transport of browsers: `fetch` and `WebSocket`. Imports nothing of Node.
 */
import { EVENT_STREAM_TYPE } from '../protocol/api.js';
import { type HttpResponse, joined, type SocketRequest, type Transport } from './transport.js';

/** Followed, a push would become a GET on many a redirect, whose answer looks like that of a push. */
const REDIRECT = 'manual';

export const webTransport: Transport = {
  async request({ method, url, headers, body, signal, onBytes }) {
    const init = { method, headers, body: (body as BodyInit | undefined) ?? null, signal };
    return whole(await fetch(url, { ...init, redirect: REDIRECT }), onBytes);
  },

  openSocket(request, listener) {
    const { url, protocol, token } = request;
    const address = new URL(url);
    address.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    // A browser's WebSocket sends no header of ours, so the token goes as a subprotocol.
    const credentials = token === undefined ? [] : [`rotera.token.${base64Url(token)}`];
    const socket = new WebSocket(address, [protocol, ...credentials]);
    socket.binaryType = 'arraybuffer';
    let opened = false;
    let done = false;
    const asking = new AbortController();
    const once = (end: () => void): void => {
      if (!done) end();
      done = true;
    };
    const close = (code: number, reason: string): void => {
      const lost = (): void => once(() => listener.onClose(code, reason));
      if (opened || done) lost();
      else whyRefused(request, asking).then((answer) => once(() => listener.onRefused(answer)), lost);
    };
    socket.onopen = () => {
      opened = true;
      listener.onOpen();
    };
    socket.onmessage = ({ data }) => {
      if (done) return;
      if (typeof data === 'string') listener.onText(data);
      else listener.onBinary(new Uint8Array(data as ArrayBuffer));
    };
    // What went wrong is not said here; the close that follows ends it.
    socket.onerror = () => undefined;
    socket.onclose = ({ code, reason }) => close(code, reason);
    return {
      send: (text) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(text);
      },
      close: () => socket.close(),
      terminate: () => {
        socket.close();
        // Nor is it asked any more why it was refused: that may take as long as the socket did.
        asking.abort();
        once(() => listener.onClose(1006, 'terminated'));
      },
    };
  },

  close: async () => undefined,
};

/** A WebSocket does not show why it was refused; the same address asked for plainly does. Rejects when it is not, or when `asking` ends. */
async function whyRefused({ url, token }: SocketRequest, asking: AbortController): Promise<HttpResponse> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const headers = { accept: EVENT_STREAM_TYPE, ...authorization };
  const plain = new URL(url);
  // Taken by WebSockets only: it would be what is refused.
  plain.searchParams.delete('window');
  const response = await fetch(plain, { headers, signal: asking.signal, redirect: REDIRECT });
  if (!response.ok) return whole(response);
  asking.abort();
  throw new Error('not refused');
}

async function whole(response: Response, onBytes = (): void => undefined): Promise<HttpResponse> {
  const { status, headers, body } = response;
  const parts: Uint8Array[] = [];
  const reader = body?.getReader();
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    parts.push(part.value);
    onBytes();
  }
  return { status, header: (name) => headers.get(name), body: joined(parts) };
}

function base64Url(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
