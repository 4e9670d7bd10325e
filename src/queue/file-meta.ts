/**
 * What a rot file says of itself, in table "meta": its configuration, written at create, and its state, written by every
 * commit. Each value is `u32 little-endian CRC-32 of the JSON | JSON`: a wrong digit would lose messages without a word.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { RoteraError } from '../errors.js';
import type { Environment } from './environment.js';
import type { Limits } from './limits.js';

export const FILE_FORMAT = 1;
export const CONFIG_KEY = Buffer.from('config');
export const STATE_KEY = Buffer.from('state');

/** Where a file lives: a copy lives elsewhere. */
export interface Home {
  readonly inode: string;
  /** Device numbers can change when the machine starts again: compared only within one boot. */
  readonly device: string;
  readonly boot: string;
  /** When the file was made, ns: a filesystem may give the inode of a removed file to its copy. Not where that is not told. */
  readonly born?: string;
}

/** Written at create; the epoch and home again when a copy is opened for writing. */
export interface FileConfig {
  readonly format: number;
  /** Random id of this life of the queue. */
  readonly epoch: string;
  /** ms since the epoch. */
  readonly createdAt: number;
  readonly limits: Limits;
  /** Most bytes the file ever takes. */
  readonly limit: number;
  /** Null in a snapshot: whoever opens it first makes it a life of its own. */
  readonly home: Home | null;
}

/** Messages rotated out since create, by the limit that bit. */
export interface Rotated {
  readonly byCount: number;
  readonly byBytes: number;
  readonly byAge: number;
  readonly byRoom: number;
}

/** Written by every commit, in the same transaction as what it describes. */
export interface FileState {
  readonly oldest: number;
  readonly next: number;
  /** Payload bytes ever pushed. */
  readonly position: number;
  /** Time of the newest commit, ms since the epoch; never decreases. */
  readonly time: number;
  readonly rotated: Rotated;
}

const CHECKSUM_BYTES = 4;

/** A value of the tables "meta" and "cursors". */
export function encodeJson(value: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(value));
  const checksum = Buffer.alloc(CHECKSUM_BYTES);
  checksum.writeUInt32LE(crc32(json));
  return Buffer.concat([checksum, json]);
}

/** What {@link encodeJson} stored; undefined when it is damaged. */
export function decodeJson<T>(value: Buffer): T | undefined {
  const json = value.subarray(CHECKSUM_BYTES);
  if (value.length < CHECKSUM_BYTES || value.readUInt32LE() !== crc32(json)) return undefined;
  return JSON.parse(json.toString()) as T;
}

export const newEpoch = (): string => randomBytes(9).toString('base64url');

/** Where the file at `path` lives. */
export function homeOf(path: string): Home {
  const { ino, dev, birthtimeNs } = statSync(path, { bigint: true });
  const home = { inode: String(ino), device: String(dev), boot: bootId() };
  return birthtimeNs > 0n && tellsBirths() ? { ...home, born: String(birthtimeNs) } : home;
}

/** Whether a file that lives at `here` is another than the one that lived at `home`: a copy. */
export const isCopy = (home: Home | null, here: Home): boolean =>
  home === null ||
  home.inode !== here.inode ||
  (home.boot === here.boot && home.device !== here.device) ||
  (home.born !== undefined && here.born !== undefined && home.born !== here.born);

let births: boolean | undefined;

/** Whether the system tells when files were made. Where it has no statx(2), Node tells their last change instead. */
function tellsBirths(): boolean {
  births ??= ['/', '/proc'].some((path) => {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stat !== undefined && stat.birthtimeNs !== stat.ctimeNs;
  });
  return births;
}

let boot: string | undefined;

/** Changes with each start of the machine; constant where the system does not tell. */
function bootId(): string {
  try {
    boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    boot = 'unknown';
  }
  return boot;
}

/** @throws `not_a_rot_file` when it is not there, `queue_unreadable` when it is damaged */
function decodeMeta<T>(key: Buffer, value: Buffer | undefined): T {
  if (value === undefined)
    throw new RoteraError('not_a_rot_file', `This is not a rot file: it has no ${key.toString()}.`);
  const decoded = decodeJson<T>(value);
  if (decoded !== undefined) return decoded;
  const text = `The file cannot be used: its ${key.toString()} is damaged. Restore it from a copy.`;
  throw new RoteraError('queue_unreadable', text, { fault: 'damaged' });
}

/** @throws as {@link decodeMeta} */
export const readMeta = <T>(environment: Environment, key: Buffer): T => decodeMeta(key, environment.get('meta', key));

/** @throws `not_a_rot_file` for a file of another format, and as {@link decodeMeta} */
export function decodeConfig(value: Buffer | undefined): FileConfig {
  const config = decodeMeta<FileConfig>(CONFIG_KEY, value);
  if (config.format === FILE_FORMAT) return config;
  const text = `The rot file has format ${config.format}; this rotera reads format ${FILE_FORMAT}: use a newer one.`;
  throw new RoteraError('not_a_rot_file', text, { format: config.format });
}

/** @throws as {@link decodeConfig} */
export const readConfig = (environment: Environment): FileConfig => decodeConfig(environment.get('meta', CONFIG_KEY));
