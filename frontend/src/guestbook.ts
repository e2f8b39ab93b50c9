/** The guestbook page: lists entries, takes new ones, and stays calm when no service answers. */

import { ApiError, createApi, type Api, type GuestbookEntry } from './api.ts';
import { siteVersion } from './main.ts';

const VISIT_COUNTED = 'visit-counted';

void open(createApi());

async function open(api: Api): Promise<void> {
  const version = await siteVersion;
  if (!version?.services) {
    // Asking anyway would only print a failed request into the console of everyone who looks.
    show('The guestbook service does not run beside this copy of the site. Everything else does.');
    return;
  }
  try {
    const [entries, { count }] = await Promise.all([api.entries(), visit(api)]);
    list().replaceChildren(...entries.map(render));
    show(entries.length === 0 ? 'Nobody has signed yet.' : '');
    element('[data-count]').textContent = count.toLocaleString('en');
    element('[data-visits]').hidden = false;
    enableForm(api);
  } catch (error) {
    show(explain(error));
  }
}

/** Counts a visit once for each browser session, and reads the number after that. */
async function visit(api: Api) {
  if (sessionStorage.getItem(VISIT_COUNTED)) return api.visits();
  const counter = await api.countVisit();
  sessionStorage.setItem(VISIT_COUNTED, 'yes');
  return counter;
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
