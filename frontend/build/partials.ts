/**
 * Puts the parts that every page shares (`partials/*.html`) into the pages at build time, so that no page needs
 * scripts to be whole.
 */

import { readFileSync } from 'node:fs';

import type { Plugin } from 'vite';

const INCLUDE = /^[ \t]*<!-- include ([a-z]+) -->$/gm;

/** Replaces each `<!-- include name -->` line by what `read(name)` gives. */
export function expand(html: string, read: (name: string) => string): string {
  return html.replace(INCLUDE, (_line, name: string) => read(name).trimEnd());
}

/** Marks the navigation link that leads to `path` as the page the reader is on. */
export function markCurrent(html: string, path: string): string {
  return html.replace(`<a href="${path}" data-nav>`, `<a href="${path}" data-nav aria-current="page">`);
}

/** The plugin: expands includes before Vite looks for assets in the page. */
export function partials(folder: string): Plugin {
  return {
    name: 'partials',
    transformIndexHtml: {
      order: 'pre',
      handler: (html, { path }) =>
        markCurrent(
          expand(html, (name) => readFileSync(`${folder}/${name}.html`, 'utf8')),
          path.replace(/index\.html$/, ''),
        ),
    },
  };
}
