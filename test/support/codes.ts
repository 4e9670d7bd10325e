/**
 * Which codes a server answers with.
 */
import { errorCodes } from '../../src/errors.js';

/** Codes that no answer of a server has, each with the reason. */
const NOT_AT_THE_WIRE: Readonly<Record<string, string>> = {
  bad_config: 'said at the start',
  in_use: 'said at the start: another server has the directory or the port',
  file_exists: 'said when a file is copied or made; a create finds the queue that is there instead',
  file_unreadable: 'said by the command line: a file to push or to check',
  not_a_rot_file: 'said when a file is opened; at the wire its queue is queue_unreadable, with this as the reason',
  unreachable: 'said by the client',
  not_rotera: 'said by the client',
};

export const WIRE_CODES = errorCodes.filter((code) => !(code in NOT_AT_THE_WIRE));
