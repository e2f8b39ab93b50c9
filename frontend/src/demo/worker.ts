/** Builds the sample before and after an edit and plans the push, away from the page's own thread. */

import { plan, type Plan } from './plan.ts';
import { build, EDITS, SAMPLE, type EditId } from './sample.ts';

/** What the page sends. */
export interface PlanRequest {
  edit: EditId;
}

/** What the worker sends back. */
export interface PlanReply {
  edit: EditId;
  plan: Plan;
}

async function digest(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

self.addEventListener('message', async ({ data: { edit } }: MessageEvent<PlanRequest>) => {
  const [before, after] = await Promise.all([build(SAMPLE, digest), build(EDITS[edit](SAMPLE), digest)]);
  const reply: PlanReply = { edit, plan: plan(before, after) };
  self.postMessage(reply);
});
