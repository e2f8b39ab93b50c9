/**
 * Lets the pages call services of another origin: adds it to the Content-Security-Policy in `_headers`.
 *
 * Without such an origin the file is the one in `public/`, byte for byte.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Plugin } from 'vite';

/** What the policy starts with, and what an addition follows. */
const DEFAULT = "default-src 'self'";

/** The plugin: changes the copy that a build makes, never the file in `public/`. */
export function headersFile(api: string): Plugin {
  let folder = '';
  return {
    name: 'headers-file',
    apply: 'build',
    configResolved(config) {
      folder = join(config.root, config.build.outDir);
    },
    // The public folder has been copied by then.
    closeBundle() {
      if (api === '') return;
      const file = join(folder, '_headers');
      writeFileSync(file, allowApi(readFileSync(file, 'utf8'), api));
    },
  };
}

/** The text of `_headers` with `api` among what pages may connect to. */
export function allowApi(text: string, api: string): string {
  if (!text.includes(`${DEFAULT};`)) throw new Error(`_headers has no policy that starts with ${DEFAULT}`);
  return text.replace(`${DEFAULT};`, `${DEFAULT}; connect-src 'self' ${api};`);
}
