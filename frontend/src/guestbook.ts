/** The guestbook page: lists entries, takes new ones, and stays calm when no service answers. */

import { ApiError, createApi, type Api, type GuestbookEntry } from './api.ts';
import { siteVersion } from './main.ts';

/** The page whose views are counted, and where a browser session notes that it was. */
const PAGE = '/guestbook/';
const VIEW_COUNTED = 'view-counted';

void open();

async function open(): Promise<void> {
  const version = await siteVersion;
  if (!version?.services) {
    // Asking anyway would only print a failed request into the console of everyone who looks.
    show('The guestbook service does not run beside this copy of the site. Everything else does.');
    return;
  }
  const api = createApi(version.api);
  // The two have different stores: one that is down must not close the other.
  void showViews(api);
  try {
    await showEntries(api);
    show(list().childElementCount === 0 ? 'Nobody has signed yet.' : '');
    enableForm(api);
  } catch (error) {
    show(explain(error));
  }
}

/** Appends a page of entries, and offers the one after it. */
async function showEntries(api: Api, before?: string): Promise<void> {
  const { entries, next_before } = await api.entries(before);
  list().append(...entries.map(render));
  const earlier = element<HTMLButtonElement>('[data-earlier]');
  earlier.hidden = next_before === null;
  earlier.disabled = false;
  if (next_before === null) return;
  earlier.onclick = () => {
    earlier.disabled = true;
    showEntries(api, next_before).catch((error: unknown) => {
      earlier.disabled = false;
      show(explain(error));
    });
  };
}

/** Counts a view once for each browser session, and only reads the number after that. */
async function showViews(api: Api): Promise<void> {
  try {
    const isCounted = sessionStorage.getItem(VIEW_COUNTED) !== null;
    const { count } = await (isCounted ? api.views(PAGE) : api.countView(PAGE));
    sessionStorage.setItem(VIEW_COUNTED, 'yes');
    element('[data-count]').textContent = count.toLocaleString('en');
    element('[data-noun]').textContent = count === 1 ? 'view' : 'views';
    element('[data-views]').hidden = false;
  } catch (error) {
    // The number is an ornament: without it the line stays away.
    if (!(error instanceof ApiError)) throw error;
  }
}

function enableForm(api: Api): void {
  const form = element<HTMLFormElement>('form');
  const fields = element<HTMLFieldSetElement>('fieldset');
  form.hidden = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const data = new FormData(form);
    fields.disabled = true;
    try {
      const entry = await api.sign({ name: text(data, 'name'), message: text(data, 'message') });
      list().prepend(render(entry));
      form.reset();
      show('Thank you. Your entry is in the book.');
    } catch (error) {
      show(explain(error));
    } finally {
      fields.disabled = false;
    }
  });
}

function render({ name, message, created_at }: GuestbookEntry): HTMLLIElement {
  const item = document.createElement('li');
  const words = Object.assign(document.createElement('p'), { textContent: message });
  const who = Object.assign(document.createElement('strong'), { textContent: name });
  const when = Object.assign(document.createElement('time'), {
    dateTime: created_at,
    textContent: new Date(created_at).toLocaleDateString('en', { dateStyle: 'long' }),
  });
  item.append(words, who, when);
  return item;
}

function explain(error: unknown): string {
  if (error instanceof ApiError) return `${error.message} Try again in a moment.`;
  throw error;
}

function show(message: string): void {
  const notice = element('[data-notice]');
  notice.textContent = message;
  notice.hidden = message === '';
}

function text(data: FormData, name: string): string {
  const value = data.get(name);
  return typeof value === 'string' ? value.trim() : '';
}

function list(): HTMLElement {
  return element('[data-entries]');
}

function element<T extends HTMLElement>(selector: string): T {
  const found = document.querySelector<T>(selector);
  if (!found) throw new Error(`the page has no \`${selector}\``);
  return found;
}
