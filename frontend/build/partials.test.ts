import { expect, test } from 'vitest';

import { expand, markCurrent } from './partials.ts';

test('an include line is replaced by its partial', () => {
  const html = '<body>\n    <!-- include header -->\n<main></main>';
  expect(expand(html, (name) => `<${name}>\n`)).toBe('<body>\n<header>\n<main></main>');
});

test('other comments stay', () => {
  const html = '<!-- include -->\n<!-- a note -->';
  expect(expand(html, () => 'x')).toBe(html);
});

test('only the link to the page itself is marked', () => {
  const html = '<a href="/" data-nav>a</a><a href="/about/" data-nav>b</a>';
  expect(markCurrent(html, '/about/')).toBe(
    '<a href="/" data-nav>a</a><a href="/about/" data-nav aria-current="page">b</a>',
  );
});
