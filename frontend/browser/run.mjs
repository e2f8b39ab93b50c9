/**
 * Looks at a served site with a real browser and says what a reader would trip over.
 *
 *     node browser/run.mjs --site http://127.0.0.1:4173 --screenshots DIR [--edit]
 *
 * Who starts the server is not decided here. With `--edit` the run stops once, prints `waiting for the edit` and
 * goes on when a line arrives on standard input; by then the about page has to say `(edited)` in its heading and
 * `version.json` has to name the commit `edited`.
 *
 * The browser is the one that `CHROMIUM` names, else `chromium` on the path.
 */

import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { launch } from './chromium.mjs';
import { check, is, report } from './check.mjs';
import { openPage } from './page.mjs';

const { values } = parseArgs({
  options: { site: { type: 'string' }, screenshots: { type: 'string' }, edit: { type: 'boolean', default: false } },
});
if (!values.site || !values.screenshots) {
  console.error('usage: node browser/run.mjs --site URL --screenshots DIR [--edit]');
  process.exit(64);
}
const site = values.site.replace(/\/$/, '');
const screenshots = values.screenshots;
mkdirSync(screenshots, { recursive: true });

const browser = await launch();
try {
  await frontPage();
  await aboutPage();
  await guestbook();
  await guestbookWithServices();
  await lostReader();
  if (values.edit) await edit();
} finally {
  await browser.close();
}
process.exit(report());

async function frontPage() {
  await using(async (page) => {
    await page.goto(`${site}/`);
    await check('the front page shows its heading in its own font', async () => {
      is(await page.locator('h1').innerText(), 'The change goes out. The site stays whole.');
      await page.waitForFunction(() => document.fonts.check('16px "Overpass Variable"'));
    });
    await check('the footer names the live commit', () =>
      page.waitForFunction(() => !['', 'unknown'].includes(document.querySelector('[data-commit]')?.textContent ?? '')),
    );
    await check('the lazy board and its worker plan an edit', async () => {
      await page.getByRole('button', { name: 'Fix a typo' }).click();
      await page.waitForSelector('[data-board][data-state="done"]');
      const paths = await page.locator('[data-step="invalidate"] li').allInnerTexts();
      is(paths.join(' '), '/guide/install /guide/install/ /guide/install/index.html');
    });
    await page.screenshot({ path: join(screenshots, 'front.png'), fullPage: true });
  });
  await using(
    async (page) => {
      await page.goto(`${site}/`);
      await check('a phone shows the front page without scrolling sideways', async () => {
        is(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0);
      });
      await page.screenshot({ path: join(screenshots, 'front-phone-dark.png'), fullPage: true });
    },
    { viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
  );
}

async function aboutPage() {
  await using(async (page) => {
    await page.goto(`${site}/`);
    await check('the navigation leads to the about page and its picture', async () => {
      await page.getByRole('link', { name: 'How it works' }).first().click();
      await page.waitForURL('**/about/');
      await page.waitForFunction(() => {
        const image = document.querySelector('img');
        return image?.complete && image.naturalWidth > 0;
      });
    });
    await page.screenshot({ path: join(screenshots, 'about.png'), fullPage: true });
  });
}

async function guestbook() {
  await using(async (page) => {
    await check('the guestbook stays calm without its services', async () => {
      await page.route('**/version.json', (route) => route.fulfill({ json: { commit: 'dev', services: false } }));
      await page.goto(`${site}/guestbook/`);
      await page.getByText('does not run beside this copy').waitFor();
    });
    await page.screenshot({ path: join(screenshots, 'guestbook.png'), fullPage: true });
  });
}

async function guestbookWithServices() {
  const first = { id: '1', name: 'Grace', message: 'It works.', created_at: '2026-11-23T10:15:30Z' };
  const second = { ...first, id: '2', message: 'Still.' };
  await using(async (page) => {
    await page.route('**/version.json', (route) => route.fulfill({ json: { commit: 'dev', services: true } }));
    await page.route('**/api/counter/views', (route) =>
      route.fulfill({ json: { ...route.request().postDataJSON(), count: 1234 } }),
    );
    await page.route('**/api/guestbook/entries', (route) =>
      route.request().method() === 'POST'
        ? route.fulfill({ status: 201, json: { ...first, id: '3', ...route.request().postDataJSON() } })
        : route.fulfill({ json: { entries: [second], next_before: '2' } }),
    );
    await page.route('**/api/guestbook/entries?before=2', (route) =>
      route.fulfill({ json: { entries: [first], next_before: null } }),
    );
    await check('the guestbook lists entries and takes a new one', async () => {
      await page.goto(`${site}/guestbook/`);
      await page.getByText('1,234 views').waitFor();
      await page.getByLabel('Your name').fill('Ada');
      await page.getByLabel('Your line').fill('<b>Hello</b>');
      await page.getByRole('button', { name: 'Sign' }).click();
      await page.getByText('Your entry is in the book').waitFor();
      is((await page.locator('.entries li p').allInnerTexts()).join(' | '), '<b>Hello</b> | Still.');
    });
    await check('the guestbook goes back page by page to its first entry', async () => {
      await page.getByRole('button', { name: 'Earlier entries' }).click();
      await page.getByText('It works.').waitFor();
      is((await page.locator('.entries li p').allInnerTexts()).join(' | '), '<b>Hello</b> | Still. | It works.');
      is(await page.getByRole('button', { name: 'Earlier entries' }).isVisible(), false);
    });
  });
}

async function lostReader() {
  const path = '/no/such/page';
  await using(
    async (page) => {
      await check('an unknown address answers 404 with the page for it', async () => {
        const response = await page.goto(site + path);
        is(response?.status(), 404);
        await page.getByRole('heading', { name: 'There is no page at this address' }).waitFor();
        await page.waitForFunction(() => getComputedStyle(document.body).display === 'flex');
      });
      await page.screenshot({ path: join(screenshots, 'not-found.png') });
    },
    {},
    { expectedFailures: [path] },
  );
}

/** An edit goes live under an open page: the page says so, and a reload shows it. */
async function edit() {
  await using(async (page) => {
    await page.goto(`${site}/about/`);
    await page.waitForFunction(() => document.querySelector('[data-commit]')?.textContent !== 'unknown');
    console.log('waiting for the edit');
    const lines = createInterface({ input: process.stdin });
    await once(lines, 'line');
    lines.close();
    await check('an open page notices that a newer release is live', async () => {
      // An edge may take a moment to forget; a reader who comes back to the page later asks again. Each question
      // ends before the next, and before the reload: one cut off by it would be a failed request.
      const notice = page.locator('[data-newer]');
      for (const deadline = Date.now() + 15_000; !(await notice.isVisible()); await page.waitForTimeout(250)) {
        if (Date.now() > deadline) throw new Error('the page said nothing of a newer release for 15 seconds');
        const answered = page.waitForEvent('requestfinished', (request) => request.url().endsWith('/version.json'));
        await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
        await answered;
      }
    });
    await check('a reload shows the edit', async () => {
      await page.reload();
      is(await page.locator('h1').innerText(), 'How a push works (edited)');
      await page.waitForFunction(() => document.querySelector('[data-commit]')?.textContent === 'edited');
    });
    await page.screenshot({ path: join(screenshots, 'about-edited.png'), fullPage: true });
  });
}

/**
 * Runs `look` in a page with a fresh profile, then requires that the page had nothing to complain about.
 *
 * @param {(page: import('playwright-core').Page) => Promise<void>} look
 * @param {import('playwright-core').BrowserContextOptions} [options]
 * @param {{expectedFailures?: string[]}} [rules]
 */
async function using(look, options = {}, rules = {}) {
  const { page, complaints, close } = await openPage(browser, site, options, rules);
  try {
    await look(page).catch((error) => {
      complaints.push(`the look at the page broke off: ${error.message}`);
    });
    await check(`${new URL(page.url()).pathname} makes no console error and no failed or foreign request`, async () => {
      is(complaints.join('\n'), '');
    });
  } finally {
    await close();
  }
}
