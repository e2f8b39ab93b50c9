import { describe, expect, test } from 'vitest';

import { createApi } from './api.ts';

const entry = { id: '7', name: 'Ada', message: 'Hello', created_at: '2026-11-23T10:15:30Z' };

function answering(status: number, body: unknown) {
  const sent: { path: string; init: RequestInit | undefined }[] = [];
  const api = createApi(async (path, init) => {
    sent.push({ path, init });
    return new Response(typeof body === 'string' ? body : JSON.stringify(body), { status });
  });
  return { api, sent };
}

describe('the guestbook', () => {
  test('entries come in the order of the answer', async () => {
    const older = { ...entry, id: '6' };
    const { api, sent } = answering(200, { entries: [entry, older] });
    expect(await api.entries()).toEqual([entry, older]);
    expect(sent[0]?.path).toBe('/api/guestbook');
    expect(sent[0]?.init?.method).toBeUndefined();
  });

  test('signing posts the entry as JSON', async () => {
    const { api, sent } = answering(201, entry);
    expect(await api.sign({ name: 'Ada', message: 'Hello' })).toEqual(entry);
    expect(sent[0]?.init?.method).toBe('POST');
    expect(sent[0]?.init?.body).toBe('{"name":"Ada","message":"Hello"}');
  });

  test.each([{}, { entries: {} }, { entries: [{ ...entry, id: 7 }] }, { entries: [{ ...entry, created_at: 'soon' }] }])(
    'an answer of the wrong shape is not believed: %j',
    async (body) => {
      await expect(answering(200, body).api.entries()).rejects.toThrow('unexpected');
    },
  );
});

describe('the counter', () => {
  test('a visit is counted with a post', async () => {
    const { api, sent } = answering(200, { count: 12 });
    expect(await api.countVisit()).toEqual({ count: 12 });
    expect(sent[0]).toMatchObject({ path: '/api/counter', init: { method: 'POST' } });
  });

  test.each([{ count: -1 }, { count: 1.5 }, { count: '3' }, null])('%j is not a count', async (body) => {
    await expect(answering(200, body).api.visits()).rejects.toThrow('unexpected');
  });
});

describe('a failure', () => {
  test('shows the reason the service gives', async () => {
    await expect(answering(422, { error: 'The name is empty.' }).api.entries()).rejects.toThrow('The name is empty.');
  });

  test('shows the status when the service gives no reason', async () => {
    await expect(answering(503, '<html>').api.entries()).rejects.toThrow('The service answered 503.');
  });

  test('of the network says that the service cannot be reached', async () => {
    const api = createApi(() => Promise.reject(new TypeError('failed')));
    await expect(api.visits()).rejects.toThrow('The service cannot be reached.');
  });
});
