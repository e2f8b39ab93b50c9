/**
 * Uses the guestbook page of an application whose services run, as readers do: one signs and sees the entry and the count of
 * views, and another one finds the entry and one view more. With `--shows TEXT` or `--hides TEXT`, one looks at the first page,
 * too: whether that text can be read there tells which commit is live.
 *
 *     node browser/services.mjs --site http://127.0.0.1:4173 --screenshots DIR [--shows TEXT] [--hides TEXT]
 *
 * Nothing is made up: requests go to the services. Who starts them is not decided here.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { check, is, report } from './check.mjs';
import { launch } from './chromium.mjs';
import { openPage } from './page.mjs';

const { values } = parseArgs({
  options: {
    site: { type: 'string' },
    screenshots: { type: 'string' },
    shows: { type: 'string' },
    hides: { type: 'string' },
  },
});
if (!values.site || !values.screenshots) {
  console.error('usage: node browser/services.mjs --site URL --screenshots DIR [--shows TEXT] [--hides TEXT]');
  process.exit(64);
}
const site = values.site.replace(/\/$/, '');
const screenshots = values.screenshots;
mkdirSync(screenshots, { recursive: true });

// Another each time: the application may keep what it was told.
const line = `Signed at ${new Date().toISOString()} <b>`;
const browser = await launch();
try {
  let first = 0;
  await reader('guestbook-signed.png', async (page) => {
    await check('the guestbook counts a view', async () => {
      first = await views(page);
    });
    await check('the guestbook takes an entry', async () => {
      await page.getByLabel('Your name').fill('Ada');
      await page.getByLabel('Your line').fill(line);
      await page.getByRole('button', { name: 'Sign' }).click();
      await page.getByText('Your entry is in the book').waitFor();
      is(await newest(page), line);
    });
  });
  await reader('guestbook-read.png', async (page) => {
    await check('another reader finds the entry', async () => {
      await page.getByText(line).waitFor();
      is(await newest(page), line);
    });
    await check('another reader is one more view', async () => {
      const second = await views(page);
      if (second <= first) throw new Error(`after one more reader the page shows ${second}, after ${first}`);
    });
  });
  if (values.shows !== undefined) await firstPage(values.shows, true);
  if (values.hides !== undefined) await firstPage(values.hides, false);
} finally {
  await browser.close();
}
process.exit(report());

/**
 * Opens the guestbook in a session of its own, looks, and requires that the page had nothing to complain about.
 *
 * @param {string} screenshot
 * @param {(page: import('playwright-core').Page) => Promise<void>} look
 */
async function reader(screenshot, look) {
  const { page, complaints, close } = await openPage(browser, site, {}, {});
  await page.goto(`${site}/guestbook/`);
  await look(page);
  await page.screenshot({ path: join(screenshots, screenshot), fullPage: true });
  await check('the page makes no console error and no failed or foreign request', async () => {
    is(complaints.join('\n'), '');
  });
  await close();
}

/**
 * Requires that a text can be read on the first page, or cannot.
 *
 * @param {string} text
 * @param {boolean} shown
 */
async function firstPage(text, shown) {
  const { page, close } = await openPage(browser, site, {}, {});
  await check(`the first page ${shown ? 'shows' : 'does not show'} "${text}"`, async () => {
    await page.goto(`${site}/`);
    is(await page.locator('body').getByText(text).first().isVisible(), shown);
  });
  await page.screenshot({ path: join(screenshots, 'first-page.png'), fullPage: true });
  await close();
}

/**
 * The number that the page shows, once it does.
 *
 * @param {import('playwright-core').Page} page
 */
async function views(page) {
  const line = page.locator('[data-views]');
  await line.waitFor();
  return Number((await line.locator('[data-count]').innerText()).replaceAll(/\D/g, ''));
}

/** @param {import('playwright-core').Page} page */
function newest(page) {
  return page.locator('.entries li p').first().innerText();
}
