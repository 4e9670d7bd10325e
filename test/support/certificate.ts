/**
 * Certificates made for a test.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Why there can be none; false when there can. */
export const withoutOpenssl =
  spawnSync('openssl', ['version']).status === 0 ? false : 'there is no openssl to make a certificate with';

/** A certificate for 127.0.0.1 that nobody has signed, and its key: as PEM, and as `cert.pem` and `key.pem` in a directory. */
export function certificate(dir: string): { cert: string; key: string } {
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  const words = `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout ${key} -out ${cert}`;
  const { status, stderr } = spawnSync('openssl', words.split(' '));
  if (status !== 0) throw new Error(`openssl: ${stderr}`);
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}
