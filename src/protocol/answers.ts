/**
 * The shapes of the API's answers, for server and client.
 */

/** Answer to a push. */
export interface PushBody {
  readonly queue: string;
  readonly epoch: string;
  /** Null, as `next`, for a repeat that is too old for its ids to be remembered. */
  readonly first: number | null;
  readonly next: number | null;
  readonly duplicate: boolean;
}

/** One message. `data` is base64 when `encoding` says so, else the text itself. */
export interface MessageBody {
  readonly id: number;
  /** RFC 3339. */
  readonly time: string;
  readonly data: string;
  readonly encoding?: 'base64';
}

/** Ids asked for that are no more: `[from, to)`. */
export interface GapBody {
  readonly from: number;
  readonly to: number;
  /** Null when it cannot be known: the queue was made anew. */
  readonly count: number | null;
  readonly reason: 'rotated' | 'recreated' | 'damaged';
}

/** Answer to a read. */
export interface ReadBody {
  readonly queue: string;
  readonly epoch: string;
  readonly first: number;
  readonly next: number;
  readonly oldest: number;
  readonly upToDate: boolean;
  readonly gap: GapBody | null;
  readonly messages: readonly MessageBody[];
}

/** A queue in the list. */
export interface StatBody {
  readonly queue: string;
  readonly epoch: string;
  readonly createdAt: string;
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly maxAgeSeconds: number | null;
  readonly maxMessageBytes: number;
  readonly reserve: boolean;
  readonly oldest: number;
  readonly next: number;
  readonly count: number;
  readonly bytes: number;
  readonly oldestTime: string | null;
  readonly newestTime: string | null;
  readonly file: { readonly bytes: number; readonly limit: number };
  readonly rotated: {
    readonly messages: number;
    readonly byCount: number;
    readonly byBytes: number;
    readonly byAge: number;
    readonly byRoom: number;
  };
  readonly tails: number;
  readonly state: 'ok' | 'read_only';
  readonly stateReason: string | null;
}

/** How a cursor stands. */
export interface CursorBody {
  readonly position: number;
  readonly lag: number;
  readonly headroom: { readonly messages: number; readonly seconds: number | null };
  readonly missed: number;
  readonly updatedAt: string;
}

/** Answer to a stat of one queue: as in the list, with its cursors. */
export interface QueueBody extends StatBody {
  readonly cursors: Readonly<Record<string, CursorBody>>;
}

/** A queue in the list whose file cannot be opened. */
export interface UnreadableBody {
  readonly queue: string;
  readonly state: 'unreadable';
  readonly stateReason: string;
}

/** Answer to a stat of all queues, sorted by name. */
export interface ListBody {
  readonly queues: ReadonlyArray<StatBody | UnreadableBody>;
}

/** What a tail over a WebSocket sends, one a text frame. */
export type TailFrame =
  | {
      readonly type: 'open';
      readonly queue: string;
      readonly epoch: string;
      readonly oldest: number;
      readonly next: number;
      readonly from: number;
    }
  | { readonly type: 'messages'; readonly messages: readonly MessageBody[] }
  | ({ readonly type: 'gap' } & GapBody)
  | { readonly type: 'up-to-date'; readonly next: number }
  | { readonly type: 'draining' }
  | { readonly type: 'error'; readonly code: string; readonly detail: string };
