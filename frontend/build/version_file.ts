/**
 * Writes `version.json`, which tells a running page what is live.
 *
 * The commit is kept out of the scripts on purpose: inside them it would change the name of a file, and with it
 * every page, each time anyone commits anything.
 */

import type { Plugin } from 'vite';

import type { SiteVersion } from '../src/version.ts';

const FILE_NAME = 'version.json';

/** The plugin: emits the file in a build and answers for it in the development server. */
export function versionFile(version: SiteVersion): Plugin {
  const text = `${JSON.stringify(version)}\n`;
  return {
    name: 'version-file',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: FILE_NAME, source: text });
    },
    configureServer(server) {
      server.middlewares.use(`/${FILE_NAME}`, (_request, response) => {
        response.setHeader('content-type', 'application/json');
        response.end(text);
      });
    },
  };
}
