import { describe, expect, test } from 'vitest';

import { createApi } from './api.ts';

const entry = { id: '7', name: 'Ada', message: 'Hello', created_at: '2026-11-23T10:15:30Z' };

function answering(status: number, body: unknown, origin = '') {
  const sent: { path: string; init: RequestInit | undefined }[] = [];
  const api = createApi(origin, async (path, init) => {
    sent.push({ path, init });
    return new Response(typeof body === 'string' ? body : JSON.stringify(body), { status });
  });
  return { api, sent };
}

describe('the guestbook', () => {
  test('entries come in the order of the answer', async () => {
    const older = { ...entry, id: '6' };
    const page = { entries: [entry, older], next_before: null };
    const { api, sent } = answering(200, page);
    expect(await api.entries()).toEqual(page);
    expect(sent[0]?.path).toBe('/api/guestbook/entries');
    expect(sent[0]?.init?.method).toBeUndefined();
  });

  test('the next page is asked for by where this one ends', async () => {
    const { api, sent } = answering(200, { entries: [entry], next_before: '7' });
    expect((await api.entries('21')).next_before).toBe('7');
    expect(sent[0]?.path).toBe('/api/guestbook/entries?before=21');
  });

  test('signing posts the entry as JSON', async () => {
    const { api, sent } = answering(201, entry);
    expect(await api.sign({ name: 'Ada', message: 'Hello' })).toEqual(entry);
    expect(sent[0]?.init?.method).toBe('POST');
    expect(sent[0]?.init?.body).toBe('{"name":"Ada","message":"Hello"}');
  });

  test.each([
    {},
    { entries: [entry] },
    { entries: {}, next_before: null },
    { entries: [entry], next_before: 7 },
    { entries: [{ ...entry, id: 7 }], next_before: null },
    { entries: [{ ...entry, created_at: 'soon' }], next_before: null },
  ])(
    'an answer of the wrong shape is not believed: %j',
    async (body) => {
      await expect(answering(200, body).api.entries()).rejects.toThrow('unexpected');
    },
  );
});

describe('the counter', () => {
  test('a view is counted with a post that names the page', async () => {
    const { api, sent } = answering(200, { page: '/guestbook/', count: 12 });
    expect(await api.countView('/guestbook/')).toEqual({ page: '/guestbook/', count: 12 });
    expect(sent[0]).toMatchObject({ path: '/api/counter/views', init: { method: 'POST', body: '{"page":"/guestbook/"}' } });
  });

  test('a page is read by its encoded name', async () => {
    const { api, sent } = answering(200, { page: '/a b/', count: 0 });
    expect((await api.views('/a b/')).count).toBe(0);
    expect(sent[0]?.path).toBe('/api/counter/views?page=%2Fa%20b%2F');
  });

  test.each([{ page: '/', count: -1 }, { page: '/', count: 1.5 }, { page: '/', count: '3' }, { count: 3 }, null])(
    '%j is not a count',
    async (body) => {
      await expect(answering(200, body).api.views('/')).rejects.toThrow('unexpected');
    },
  );
});

test('services of another origin are called there', async () => {
  const { api, sent } = answering(200, { page: '/', count: 1 }, 'https://api.example.com');
  await api.countView('/');
  expect(sent[0]?.path).toBe('https://api.example.com/api/counter/views');
});

describe('a failure', () => {
  test('shows the reason the service gives', async () => {
    await expect(answering(422, { error: 'The name is empty.' }).api.entries()).rejects.toThrow('The name is empty.');
  });

  test('shows the status when the service gives no reason', async () => {
    await expect(answering(503, '<html>').api.entries()).rejects.toThrow('The service answered 503.');
  });

  test('of the network says that the service cannot be reached', async () => {
    const api = createApi('', () => Promise.reject(new TypeError('failed')));
    await expect(api.views('/')).rejects.toThrow('The service cannot be reached.');
  });
});
