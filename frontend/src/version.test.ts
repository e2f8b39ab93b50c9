import { describe, expect, test } from 'vitest';

import { parseVersion, shortCommit } from './version.ts';

describe('a version document', () => {
  test('is read when whole', () => {
    expect(parseVersion({ commit: 'dev', services: false, more: 1 })).toEqual({ commit: 'dev', services: false });
  });

  test.each([null, 'dev', {}, { commit: 'dev' }, { commit: '', services: true }, { commit: 1, services: true }])(
    'is refused when it is %j',
    (json) => {
      expect(parseVersion(json)).toBeUndefined();
    },
  );
});

test('only full hashes are shortened', () => {
  expect(shortCommit('0123456789abcdef0123456789abcdef01234567')).toBe('0123456');
  expect(shortCommit('dev')).toBe('dev');
  expect(shortCommit('v1.20.3-release')).toBe('v1.20.3-release');
});
