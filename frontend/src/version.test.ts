import { describe, expect, test } from 'vitest';

import { isOrigin, parseVersion, shortCommit } from './version.ts';

describe('a version document', () => {
  test('is read when whole', () => {
    const version = { commit: 'dev', services: false, api: '' };
    expect(parseVersion({ commit: 'dev', services: false, more: 1 })).toEqual(version);
    expect(parseVersion({ ...version, api: 'https://api.example.com' })?.api).toBe('https://api.example.com');
  });

  test.each([
    null,
    'dev',
    {},
    { commit: 'dev' },
    { commit: '', services: true },
    { commit: 1, services: true },
    { commit: 'dev', services: true, api: 1 },
    { commit: 'dev', services: true, api: 'javascript:alert(1)' },
  ])('is refused when it is %j', (json) => {
    expect(parseVersion(json)).toBeUndefined();
  });
});

test('an origin has no path and is written as browsers write it', () => {
  expect(['https://api.example.com', 'http://127.0.0.1:8080'].filter(isOrigin)).toHaveLength(2);
  const others = ['https://api.example.com/', 'https://a.example/x', 'https://A.example', 'a.example', 'https://', '*'];
  expect(others.filter(isOrigin)).toEqual([]);
});

test('only full hashes are shortened', () => {
  expect(shortCommit('0123456789abcdef0123456789abcdef01234567')).toBe('0123456');
  expect(shortCommit('dev')).toBe('dev');
  expect(shortCommit('v1.20.3-release')).toBe('v1.20.3-release');
});
