/**
 * Error code to HTTP: one total table, and the problem document (RFC 9457) of an error.
 */
import { type ErrorCode, type RoteraError, retryableCodes } from '../errors.js';

export const PROBLEM_TYPE = 'application/problem+json';

interface ProblemClass {
  readonly status: number;
  readonly title: string;
}

/** The status and title of every code. */
export const problems: Readonly<Record<ErrorCode, ProblemClass>> = {
  bad_name: { status: 400, title: 'Not a queue name' },
  bad_parameter: { status: 400, title: 'Bad parameter' },
  bad_config: { status: 500, title: 'Bad configuration' },
  empty_batch: { status: 400, title: 'The batch holds no message' },
  empty_body: { status: 400, title: 'The body is empty' },
  malformed_batch: { status: 400, title: 'Malformed batch' },
  not_found: { status: 404, title: 'No such route' },
  queue_not_found: { status: 404, title: 'No such queue' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  unauthorized: { status: 401, title: 'A token is needed' },
  forbidden: { status: 403, title: 'The token does not allow this' },
  origin_refused: { status: 403, title: 'Refused to a page of another origin' },
  host_refused: { status: 403, title: 'The Host header names another server' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  encoding_refused: { status: 415, title: 'The body is encoded' },
  uri_too_long: { status: 414, title: 'The URL is too long' },
  upgrade_required: { status: 426, title: 'This is a WebSocket' },
  too_many_tails: { status: 429, title: 'Too many tails' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  starting: { status: 503, title: 'The server is starting' },
  not_acceptable: { status: 406, title: 'No acceptable representation' },
  config_mismatch: { status: 409, title: 'The queue exists with other limits' },
  file_exists: { status: 409, title: 'The file exists' },
  file_unreadable: { status: 500, title: 'The file cannot be read' },
  message_too_large: { status: 413, title: 'Message too large' },
  push_too_large: { status: 413, title: 'Push too large' },
  beyond_end: { status: 416, title: 'Beyond the end of the queue' },
  internal: { status: 500, title: 'Internal error' },
  directory_unusable: { status: 500, title: 'The data directory cannot be used' },
  in_use: { status: 500, title: 'The data directory is in use' },
  not_a_rot_file: { status: 503, title: 'Not a rot file' },
  queue_unreadable: { status: 503, title: 'The queue cannot be read' },
  queue_read_only: { status: 503, title: 'The queue takes no writes' },
  overloaded: { status: 503, title: 'Overloaded' },
  draining: { status: 503, title: 'The server is stopping' },
  not_rotera: { status: 502, title: 'Not a rotera server' },
  unreachable: { status: 503, title: 'The server cannot be reached' },
  next_moved: { status: 412, title: 'Something was pushed since' },
  producer_gap: { status: 409, title: 'The producer skipped a push' },
  producer_fenced: { status: 403, title: 'A newer epoch of the producer has taken over' },
  rotated: { status: 410, title: 'Rotated out' },
  damaged: { status: 410, title: 'Damaged on disk' },
  not_yet: { status: 404, title: 'Not yet pushed' },
  epoch_changed: { status: 410, title: 'The queue was made anew' },
  cursor_not_found: { status: 404, title: 'No such cursor' },
  too_many_cursors: { status: 409, title: 'Too many cursors' },
  commit_timeout: { status: 504, title: 'The disk did not answer in time' },
  disk_full: { status: 507, title: 'The disk is full' },
};

/** A problem document. Members beyond these are facts about the case, such as the parameter that was wrong. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly retryable: boolean;
  readonly [member: string]: unknown;
}

export function problemOf(error: RoteraError): Problem {
  const { status, title } = problems[error.code];
  return {
    ...error.details,
    type: `urn:rotera:${error.code}`,
    title,
    status,
    code: error.code,
    detail: error.message,
    retryable: retryableCodes.has(error.code),
  };
}
