/** What every page runs: the live commit in the footer, and the demonstration where the page has one. */

import './styles/site.css';

import { fetchVersion, showVersion } from './version.ts';

/** Fetched once a page; the guestbook asks it whether there are services to call. */
export const siteVersion = fetchVersion();

void showVersion(siteVersion);

const board = document.querySelector<HTMLElement>('[data-board]');
if (board) {
  // The board is the only script of any size, and most readers arrive for the words: it loads when it is near.
  const near = new IntersectionObserver(
    async (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      near.disconnect();
      const { start } = await import('./demo/board.ts');
      start(board);
    },
    { rootMargin: '200px' },
  );
  near.observe(board);
}
