/** Opens a page under the distribution's policy that remembers everything a developer would see in red. */

import { addPolicy, contentSecurityPolicy } from './distribution.mjs';

const PATIENCE_MILLISECONDS = 15_000;

/**
 * @param {import('playwright-core').Browser} browser
 * @param {string} site origin of the site; a request to any other is a complaint
 * @param {import('playwright-core').BrowserContextOptions} options
 * @param {{expectedFailures?: string[]}} rules paths that may answer 400 and above
 */
export async function openPage(browser, site, options, { expectedFailures = [] }) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MILLISECONDS);
  await addPolicy(page, contentSecurityPolicy());
  /** @type {string[]} */
  const complaints = [];
  const isExpected = (/** @type {string} */ url) => expectedFailures.some((path) => url === site + path);

  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && !isExpected(message.location().url)) complaints.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== site) complaints.push(`foreign request: ${request.url()}`);
  });
  page.on('requestfailed', (request) => {
    complaints.push(`failed request: ${request.url()} (${request.failure()?.errorText})`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400 && !isExpected(response.url())) {
      complaints.push(`${response.status()} for ${response.url()}`);
    }
  });
  return { page, complaints, close: () => context.close() };
}
