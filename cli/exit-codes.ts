/**
 * Error code to exit code: one total table. The numbers from 64 on are those of sysexits.h.
 */
import type { ErrorCode } from '../src/errors.js';

/** Something failed that has no code of its own. */
export const FAILURE = 1;
/** The command line is not understood. */
export const USAGE = 2;

const NO_INPUT = 66;
const UNAVAILABLE = 69;
const SOFTWARE = 70;
const CANNOT_CREATE = 73;
const TRY_AGAIN = 75;
const NO_PERMISSION = 77;
const CONFIG = 78;

export const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  bad_name: USAGE,
  bad_parameter: USAGE,
  not_acceptable: USAGE,
  method_not_allowed: FAILURE,
  upgrade_required: FAILURE,
  encoding_refused: FAILURE,
  uri_too_long: FAILURE,
  headers_too_large: FAILURE,
  unauthorized: NO_PERMISSION,
  forbidden: NO_PERMISSION,
  origin_refused: NO_PERMISSION,
  host_refused: NO_PERMISSION,
  request_timeout: TRY_AGAIN,
  too_many_tails: TRY_AGAIN,
  starting: TRY_AGAIN,
  not_found: FAILURE,
  config_mismatch: FAILURE,
  empty_batch: FAILURE,
  empty_body: FAILURE,
  malformed_batch: FAILURE,
  message_too_large: FAILURE,
  push_too_large: FAILURE,
  beyond_end: FAILURE,
  queue_read_only: FAILURE,
  next_moved: FAILURE,
  producer_gap: FAILURE,
  producer_fenced: FAILURE,
  rotated: FAILURE,
  damaged: FAILURE,
  not_yet: FAILURE,
  epoch_changed: FAILURE,
  cursor_not_found: FAILURE,
  too_many_cursors: FAILURE,
  queue_not_found: NO_INPUT,
  file_unreadable: NO_INPUT,
  not_a_rot_file: NO_INPUT,
  queue_unreadable: NO_INPUT,
  unreachable: UNAVAILABLE,
  not_rotera: UNAVAILABLE,
  in_use: UNAVAILABLE,
  internal: SOFTWARE,
  disk_full: CANNOT_CREATE,
  file_exists: CANNOT_CREATE,
  directory_unusable: CONFIG,
  bad_config: CONFIG,
  overloaded: TRY_AGAIN,
  draining: TRY_AGAIN,
  commit_timeout: TRY_AGAIN,
};
