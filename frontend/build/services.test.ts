import { expect, test } from 'vitest';

import { allowApi } from './headers_file.ts';
import { readServices } from './services.ts';

test('services are none, beside the site, or at an origin', () => {
  expect(readServices(undefined)).toEqual({ services: false, api: '' });
  expect(readServices('')).toEqual({ services: false, api: '' });
  expect(readServices('1')).toEqual({ services: true, api: '' });
  expect(readServices('https://api.example.com')).toEqual({ services: true, api: 'https://api.example.com' });
});

test.each(['yes', 'https://api.example.com/', '*'])('%j is refused by a build', (value) => {
  expect(() => readServices(value)).toThrow('SITE_SERVICES');
});

test('the policy gains one source and loses nothing', () => {
  const policy = "/*\n  Content-Security-Policy: default-src 'self'; base-uri 'none'\n";
  expect(allowApi(policy, 'https://api.example.com')).toBe(
    "/*\n  Content-Security-Policy: default-src 'self'; connect-src 'self' https://api.example.com; base-uri 'none'\n",
  );
  expect(() => allowApi('/*\n', 'https://api.example.com')).toThrow('_headers');
});
