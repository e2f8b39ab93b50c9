/**
 * The two services behind `/api/`, as types and calls.
 *
 * Nothing here touches the page. Every answer is checked before it is believed, and every failure is an
 * {@link ApiError} whose message can be shown to the reader.
 */

/** One entry of the guestbook: `GET /api/guestbook` lists them newest first. */
export interface GuestbookEntry {
  id: string;
  /** 1 to 60 characters. */
  name: string;
  /** 1 to 500 characters. */
  message: string;
  /** RFC 3339, in UTC. */
  created_at: string;
}

/** The body of `POST /api/guestbook`, which answers 201 and the entry. */
export type NewGuestbookEntry = Pick<GuestbookEntry, 'name' | 'message'>;

/** The answer of `GET /api/counter` (reads) and `POST /api/counter` (adds one visit). */
export interface Counter {
  count: number;
}

/** The longest texts the guestbook takes, in characters. */
export const LIMITS = { name: 60, message: 500 } as const;

/** A call that did not work, in words for the reader. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
}

type Fetch = (path: string, init?: RequestInit) => Promise<Response>;

/** The calls, over `fetch` or whatever stands in for it. */
export function createApi(send: Fetch = (path, init) => fetch(path, init)) {
  async function call<T>(path: string, parse: (json: unknown) => T | undefined, body?: unknown): Promise<T> {
    const response = await send(path, body === undefined ? {} : post(body)).catch(() => {
      throw new ApiError('The service cannot be reached.');
    });
    const json: unknown = await response.json().catch(() => undefined);
    if (!response.ok) throw new ApiError(reason(json) ?? `The service answered ${response.status}.`);
    const value = parse(json);
    if (value === undefined) throw new ApiError('The service answered something unexpected.');
    return value;
  }

  return {
    entries: () => call('/api/guestbook', parseEntries),
    sign: (entry: NewGuestbookEntry) => call('/api/guestbook', parseEntry, entry),
    visits: () => call('/api/counter', parseCounter),
    countVisit: () => call('/api/counter', parseCounter, {}),
  };
}

/** What {@link createApi} gives. */
export type Api = ReturnType<typeof createApi>;

function post(body: unknown): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** The `error` text of a failed answer: `{"error": "..."}`. */
function reason(json: unknown): string | undefined {
  const text = field(json, 'error');
  return typeof text === 'string' && text !== '' ? text : undefined;
}

function parseEntries(json: unknown): GuestbookEntry[] | undefined {
  const list = field(json, 'entries');
  if (!Array.isArray(list)) return undefined;
  const entries = list.map(parseEntry);
  return entries.every((entry) => entry !== undefined) ? entries : undefined;
}

function parseEntry(json: unknown): GuestbookEntry | undefined {
  const [id, name, message, created_at] = ['id', 'name', 'message', 'created_at'].map((key) => field(json, key));
  if (typeof id !== 'string' || typeof name !== 'string') return undefined;
  if (typeof message !== 'string' || typeof created_at !== 'string') return undefined;
  return Number.isNaN(Date.parse(created_at)) ? undefined : { id, name, message, created_at };
}

function parseCounter(json: unknown): Counter | undefined {
  const count = field(json, 'count');
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? { count } : undefined;
}

function field(json: unknown, key: string): unknown {
  return typeof json === 'object' && json !== null ? (json as Record<string, unknown>)[key] : undefined;
}
