import { createHash } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { invalidation, plan } from './plan.ts';
import { build, EDITS, SAMPLE, type EditId } from './sample.ts';

const digest = async (text: string) => createHash('sha256').update(text).digest('hex');

async function planOf(edit: EditId) {
  const made = plan(await build(SAMPLE, digest), await build(EDITS[edit](SAMPLE), digest));
  return { ...made, items: Object.fromEntries(made.steps.map((step) => [step.name, step.items])) };
}

describe('an edit', () => {
  test('of one page uploads that page and forgets its addresses', async () => {
    const { items } = await planOf('typo');
    expect(items['assets']).toEqual([]);
    expect(items['pages']).toEqual(['guide/install/index.html']);
    expect(items['invalidate']).toEqual(['/guide/install', '/guide/install/', '/guide/install/index.html']);
  });

  test('of the style sheet uploads one asset and every page that names it', async () => {
    const { items } = await planOf('color');
    expect(items['assets']).toHaveLength(1);
    expect(items['pages']).toHaveLength(Object.keys(SAMPLE.pages).length);
    expect(items['invalidate']).toEqual(['/*']);
  });

  test('of a photo touches only the page that shows it', async () => {
    const { items } = await planOf('photo');
    expect(items['assets']).toHaveLength(1);
    expect(items['pages']).toEqual(['about/index.html']);
  });

  test('that changes nothing plans nothing', async () => {
    const { steps, uploadBytes } = await planOf('nothing');
    expect(steps.flatMap((step) => step.items)).toEqual([]);
    expect(uploadBytes).toBe(0);
  });

  test('never changes the sample itself', async () => {
    const before = JSON.stringify(SAMPLE);
    for (const edit of Object.values(EDITS)) edit(SAMPLE);
    expect(JSON.stringify(SAMPLE)).toBe(before);
  });
});

test('assets travel before pages, and pages before the edge forgets them', async () => {
  const { steps } = await planOf('color');
  expect(steps.map((step) => step.name)).toEqual(['assets', 'files', 'pages', 'commit', 'invalidate']);
});

test('each address of a page is forgotten', () => {
  expect(invalidation(['index.html', 'robots.txt'])).toEqual(['/', '/index.html', '/robots.txt']);
});
