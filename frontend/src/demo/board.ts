/** The departure board on the front page: shows the plan of a chosen edit and plays it step by step. */

import type { Plan, Step } from './plan.ts';
import type { EditId } from './sample.ts';
import type { PlanReply, PlanRequest } from './worker.ts';

const STEP_MILLISECONDS = 420;
const SHOWN_ITEMS = 3;

/** Wires the board inside `root`; the last edit chosen wins. */
export function start(root: HTMLElement): void {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  const buttons = [...root.querySelectorAll<HTMLButtonElement>('button[data-edit]')];
  let run = 0;

  worker.addEventListener('message', ({ data }: MessageEvent<PlanReply>) => {
    const mine = ++run;
    void play(root, data.plan, () => mine === run);
  });
  for (const button of buttons) {
    button.addEventListener('click', () => {
      for (const other of buttons) other.setAttribute('aria-pressed', String(other === button));
      const request: PlanRequest = { edit: button.dataset['edit'] as EditId };
      worker.postMessage(request);
    });
    button.disabled = false;
  }
}

async function play(root: HTMLElement, plan: Plan, isCurrent: () => boolean): Promise<void> {
  root.dataset['state'] = 'running';
  for (const step of plan.steps) fill(row(root, step), step);
  summarize(root, plan);
  visitors(root, 'the old release, whole');
  for (const step of plan.steps) {
    if (step.items.length === 0) continue;
    row(root, step).dataset['state'] = 'now';
    await pause();
    if (!isCurrent()) return;
    row(root, step).dataset['state'] = 'done';
    if (step.name === 'pages') visitors(root, 'old pages or new ones, each whole');
    if (step.name === 'invalidate') visitors(root, 'the new release, whole');
  }
  root.dataset['state'] = 'done';
}

function fill(target: HTMLElement, { items }: Step): void {
  target.dataset['state'] = items.length > 0 ? 'waiting' : 'idle';
  const rest = items.length - SHOWN_ITEMS;
  const lines = rest > 1 ? [...items.slice(0, SHOWN_ITEMS), `and ${rest} more`] : items;
  const list = target.querySelector('[data-items]');
  list?.replaceChildren(
    ...(lines.length > 0 ? lines : ['nothing to do']).map((line) => {
      const element = document.createElement('li');
      // Paths break after their slashes, where a reader would break them.
      element.append(...line.split(/(?<=\/)/).flatMap((part) => [part, document.createElement('wbr')]));
      return element;
    }),
  );
}

function summarize(root: HTMLElement, { steps, unchangedCount, uploadBytes }: Plan): void {
  const forgotten = steps.find((step) => step.name === 'invalidate')?.items.length ?? 0;
  const summary = root.querySelector('[data-summary]');
  if (!summary) return;
  summary.textContent =
    uploadBytes === 0
      ? `Nothing changed: ${unchangedCount} files stay, and no request writes anything.`
      : `${uploadBytes} bytes travel, ${count(unchangedCount, 'file')} stay put, ${count(forgotten, 'path')} invalidated.`;
}

function visitors(root: HTMLElement, text: string): void {
  const element = root.querySelector('[data-visitors]');
  if (element) element.textContent = text;
}

function row(root: HTMLElement, { name }: Step): HTMLElement {
  const element = root.querySelector<HTMLElement>(`[data-step="${name}"]`);
  if (!element) throw new Error(`the board has no row for the step \`${name}\``);
  return element;
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

function pause(): Promise<void> {
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  return new Promise((resolve) => setTimeout(resolve, still ? 0 : STEP_MILLISECONDS));
}
