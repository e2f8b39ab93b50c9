/**
 * The two services behind `/api/`, as types and calls.
 *
 * Nothing here touches the page. Every answer is checked before it is believed, and every failure is an
 * {@link ApiError} whose message can be shown to the reader.
 */

/** One entry of the guestbook. */
export interface GuestbookEntry {
  id: string;
  /** 1 to 60 characters. */
  name: string;
  /** 1 to 500 characters. */
  message: string;
  /** RFC 3339, in UTC. */
  created_at: string;
}

/** The answer of `GET /api/guestbook/entries`: the newest entries first. */
export interface GuestbookPage {
  entries: GuestbookEntry[];
  /** What to list before for the next page; `null` on the last one. */
  next_before: string | null;
}

/** The body of `POST /api/guestbook/entries`, which answers 201 and the entry. */
export type NewGuestbookEntry = Pick<GuestbookEntry, 'name' | 'message'>;

/** The answer of `GET /api/counter/views?page=` (reads) and `POST /api/counter/views` (adds one view). */
export interface PageCount {
  page: string;
  count: number;
}

/** The longest texts the guestbook takes, in characters. */
export const LIMITS = { name: 60, message: 500 } as const;

/** A call that did not work, in words for the reader. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
}

type Fetch = (path: string, init?: RequestInit) => Promise<Response>;

/**
 * The calls, over `fetch` or whatever stands in for it.
 *
 * `origin` is where the services are: empty for the site's own origin, where the edge routes `/api/` to them, else such
 * as `https://api.example.com`, which has to let this site's pages in (`SITE_ORIGIN` of the services).
 */
export function createApi(origin = '', send: Fetch = (path, init) => fetch(path, init)) {
  async function call<T>(path: string, parse: (json: unknown) => T | undefined, body?: unknown): Promise<T> {
    const response = await send(origin + path, body === undefined ? {} : post(body)).catch(() => {
      throw new ApiError('The service cannot be reached.');
    });
    const json: unknown = await response.json().catch(() => undefined);
    if (!response.ok) throw new ApiError(reason(json) ?? `The service answered ${response.status}.`);
    const value = parse(json);
    if (value === undefined) throw new ApiError('The service answered something unexpected.');
    return value;
  }

  return {
    entries: (before?: string) =>
      call(`/api/guestbook/entries${before === undefined ? '' : `?before=${encodeURIComponent(before)}`}`, parsePage),
    sign: (entry: NewGuestbookEntry) => call('/api/guestbook/entries', parseEntry, entry),
    views: (page: string) => call(`/api/counter/views?page=${encodeURIComponent(page)}`, parseCount),
    countView: (page: string) => call('/api/counter/views', parseCount, { page }),
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

function parsePage(json: unknown): GuestbookPage | undefined {
  const [list, next_before] = [field(json, 'entries'), field(json, 'next_before')];
  if (!Array.isArray(list) || (next_before !== null && typeof next_before !== 'string')) return undefined;
  const entries = list.map(parseEntry);
  return entries.every((entry) => entry !== undefined) ? { entries, next_before } : undefined;
}

function parseEntry(json: unknown): GuestbookEntry | undefined {
  const [id, name, message, created_at] = ['id', 'name', 'message', 'created_at'].map((key) => field(json, key));
  if (typeof id !== 'string' || typeof name !== 'string') return undefined;
  if (typeof message !== 'string' || typeof created_at !== 'string') return undefined;
  return Number.isNaN(Date.parse(created_at)) ? undefined : { id, name, message, created_at };
}

function parseCount(json: unknown): PageCount | undefined {
  const [page, count] = [field(json, 'page'), field(json, 'count')];
  if (typeof page !== 'string' || typeof count !== 'number') return undefined;
  return Number.isSafeInteger(count) && count >= 0 ? { page, count } : undefined;
}

function field(json: unknown, key: string): unknown {
  return typeof json === 'object' && json !== null ? (json as Record<string, unknown>)[key] : undefined;
}
