import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

import { headersFile } from './build/headers_file.ts';
import { partials } from './build/partials.ts';
import { readServices } from './build/services.ts';
import { versionFile } from './build/version_file.ts';

const root = fileURLToPath(new URL('.', import.meta.url));
const services = readServices(process.env['SITE_SERVICES']);
const pages = ['index.html', 'about/index.html', 'guestbook/index.html', '404.html'];

export default defineConfig({
  appType: 'mpa',
  plugins: [
    partials(`${root}partials`),
    versionFile({
      commit: process.env['SITE_COMMIT'] ?? 'dev',
      ...services,
    }),
    headersFile(services.api),
  ],
  build: {
    // Every asset is a file with a hashed name: inlined ones would travel again with each page.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: pages.map((page) => root + page) },
  },
  test: { include: ['src/**/*.test.ts', 'build/**/*.test.ts'] },
});
