/**
 * The one error class of rotera and the closed list of its codes.
 *
 * Codes are for ever: programs match on them. Texts are free: people read them. Each edge (HTTP, the command line) has one
 * total table from code to status or exit code, so that the compiler proves none is forgotten.
 */

/** Every code, grouped by the moment at which it can happen. */
export const errorCodes = [
  // opening and creating a rot file
  'bad_name',
  'config_mismatch',
  'directory_unusable',
  'disk_full',
  'file_exists',
  'file_unreadable',
  'in_use',
  'not_a_rot_file',
  'queue_unreadable',
  // writing
  'empty_batch',
  'empty_body',
  'malformed_batch',
  'message_too_large',
  'push_too_large',
  'overloaded',
  'queue_read_only',
  'commit_timeout',
  'next_moved',
  'producer_gap',
  'producer_fenced',
  // reading
  'queue_not_found',
  'beyond_end',
  'rotated',
  'damaged',
  'not_yet',
  'epoch_changed',
  'cursor_not_found',
  'too_many_cursors',
  // the edges
  'bad_parameter',
  'bad_config',
  'not_found',
  'method_not_allowed',
  'not_acceptable',
  'upgrade_required',
  'unauthorized',
  'forbidden',
  'origin_refused',
  'host_refused',
  'request_timeout',
  'encoding_refused',
  'uri_too_long',
  'headers_too_large',
  'too_many_tails',
  'starting',
  'unreachable',
  'not_rotera',
  'draining',
  'internal',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** What went wrong, with a stable code, a text for people, and optional facts a program can use. */
export class RoteraError extends Error {
  override readonly name = 'RoteraError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    /** Extra members for the answer, such as the parameter that was wrong. Never secrets, never paths of the machine. */
    readonly details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Whether the same request may succeed later without being changed. */
export const retryableCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'disk_full',
  'overloaded',
  'draining',
  'starting',
  'commit_timeout',
  'request_timeout',
  'too_many_tails',
  'unreachable',
]);

export const isRoteraError = (error: unknown, code?: ErrorCode): error is RoteraError =>
  error instanceof RoteraError && (code === undefined || error.code === code);

/** The message of anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What the system says, such as EACCES: its text would tell a path of the machine, which is nobody's business. */
export const systemCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : messageOf(error);
