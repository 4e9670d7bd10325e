/**
 * Who may reach the server and how: what the files of tokens and certificates say, read together, so that nothing is put into
 * effect when one of them is bad.
 */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { messageOf, RoteraError } from '../errors.js';
import { parseTokens, type Token } from '../tokens.js';
import { isLoopback } from './origins.js';

interface SecurityOptions {
  readonly host: string;
  /** Path of a Unix socket, instead of the host. */
  readonly socket?: string;
  readonly tokensFile?: string;
  /** PEM files of the certificate and its key; both or none. */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** Whether everyone may do everything on an address that is not loopback. */
  readonly allowAnonymous: boolean;
}

interface Security {
  /** Undefined when everyone who can connect may do all. */
  readonly tokens: Token[] | undefined;
  /** Whether only this machine reaches the server. */
  readonly loopback: boolean;
  /** A certificate chain and the key that belongs to it. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** @throws `bad_config` when a file cannot be read or used, or when everyone on a network could do everything unasked */
export function readSecurity(options: SecurityOptions): Security {
  const { host, socket, tokensFile, tlsCert, tlsKey, allowAnonymous } = options;
  const loopback = socket !== undefined || isLoopback(host);
  if (!loopback && tokensFile === undefined && !allowAnonymous) {
    const text = `On ${host} everyone who reaches this machine could use every queue. Give --tokens FILE (make one with: rotera token), or --allow-anonymous if that is meant.`;
    throw new RoteraError('bad_config', text, { option: 'host', value: host });
  }
  const tokens = tokensFile === undefined ? undefined : parseTokens(readOption('tokens', tokensFile));
  if (tlsCert === undefined || tlsKey === undefined) return { tokens, loopback };
  return { tokens, loopback, tls: readCertificate(tlsCert, tlsKey) };
}

function readCertificate(certFile: string, keyFile: string): { cert: string; key: string } {
  const tls = { cert: readOption('tls-cert', certFile), key: readOption('tls-key', keyFile) };
  try {
    createSecureContext(tls);
  } catch (cause) {
    const text = `--tls-cert ${certFile} and --tls-key ${keyFile} are no certificate and its key, in PEM: ${messageOf(cause)}.`;
    throw new RoteraError('bad_config', text, { option: 'tls-cert', value: certFile }, { cause });
  }
  return tls;
}

function readOption(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const text = `--${option} ${path} cannot be read: ${messageOf(cause)}.`;
    throw new RoteraError('bad_config', text, { option }, { cause });
  }
}
