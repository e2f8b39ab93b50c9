/**
 * The plan of a push, in miniature: which files travel, in which order, and what the edge is told to forget.
 *
 * Pure, and an illustration only; the tool's own planner is in Rust and weighs far more.
 */

import type { BuiltFile } from './sample.ts';

/** One step of a push; steps run in the order of {@link Plan.steps}. */
export interface Step {
  name: 'assets' | 'files' | 'pages' | 'commit' | 'invalidate';
  /** Keys, or viewer paths for `invalidate`; sorted, may be empty. */
  items: string[];
}

export interface Plan {
  steps: Step[];
  unchangedCount: number;
  uploadBytes: number;
}

/** Past this many paths the plan asks for one wildcard. */
const MAX_PATHS = 15;

/** Compares two builds. An identical pair gives a plan whose steps are all empty. */
export function plan(before: readonly BuiltFile[], after: readonly BuiltFile[]): Plan {
  const live = new Map(before.map((file) => [file.key, file.sha256]));
  const changed = after.filter((file) => live.get(file.key) !== file.sha256);
  const keys = (wanted: (file: BuiltFile) => boolean) => changed.filter(wanted).map((file) => file.key).sort();
  const isPage = (file: BuiltFile) => file.key.endsWith('.html');
  return {
    steps: [
      { name: 'assets', items: keys((file) => file.fingerprinted) },
      { name: 'files', items: keys((file) => !file.fingerprinted && !isPage(file)) },
      { name: 'pages', items: keys(isPage) },
      { name: 'commit', items: changed.length > 0 ? ['.sitepush/manifest.json.gz'] : [] },
      { name: 'invalidate', items: invalidation(keys((file) => !file.fingerprinted)) },
    ],
    unchangedCount: after.length - changed.length,
    uploadBytes: changed.reduce((sum, file) => sum + file.sizeBytes, 0),
  };
}

/** The paths to forget for changed keys: every address of a page, sorted; one wildcard when there are many. */
export function invalidation(keys: readonly string[]): string[] {
  const paths = keys.flatMap(viewerPaths).sort();
  return paths.length > MAX_PATHS ? ['/*'] : paths;
}

function viewerPaths(key: string): string[] {
  if (key === 'index.html') return ['/', '/index.html'];
  const folder = key.endsWith('/index.html') ? key.slice(0, -'/index.html'.length) : undefined;
  return folder === undefined ? [`/${key}`] : [`/${folder}`, `/${folder}/`, `/${key}`];
}
