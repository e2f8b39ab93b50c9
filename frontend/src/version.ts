/** What `version.json` says about the live site, and how a page shows it. */

/** The document that the build writes. */
export interface SiteVersion {
  /** The commit the site was built from, or `dev`. */
  commit: string;
  /** Whether there are services to call. */
  services: boolean;
  /** The origin of the services; empty for the site's own, under `/api/`. */
  api: string;
}

/** Reads `json` as a version; anything unexpected is `undefined`. */
export function parseVersion(json: unknown): SiteVersion | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const { commit, services, api = '' } = json as Partial<Record<keyof SiteVersion, unknown>>;
  if (typeof commit !== 'string' || commit === '' || typeof services !== 'boolean') return undefined;
  return typeof api === 'string' && (api === '' || isOrigin(api)) ? { commit, services, api } : undefined;
}

/** Whether `text` is an origin as browsers write it: scheme and host, no path, no slash at the end. */
export function isOrigin(text: string): boolean {
  try {
    return /^https?:/.test(text) && new URL(text).origin === text;
  } catch {
    return false;
  }
}

/** Asks the site what is live now; `undefined` when it does not say. */
export async function fetchVersion(): Promise<SiteVersion | undefined> {
  try {
    const response = await fetch('/version.json', { cache: 'no-cache' });
    return response.ok ? parseVersion(await response.json()) : undefined;
  } catch {
    return undefined;
  }
}

/** A commit as people say it: the first seven digits of a hash, other names as they are. */
export function shortCommit(commit: string): string {
  return /^[0-9a-f]{40}$/.test(commit) ? commit.slice(0, 7) : commit;
}

/**
 * Writes the live commit into the footer, and says so when a newer one has gone live while the page was in the
 * background.
 */
export async function showVersion(loaded: Promise<SiteVersion | undefined>): Promise<void> {
  const version = await loaded;
  const label = document.querySelector('[data-commit]');
  if (!version || !label) return;
  label.textContent = shortCommit(version.commit);
  document.addEventListener('visibilitychange', async () => {
    if (document.visibilityState !== 'visible') return;
    const live = await fetchVersion();
    const notice = document.querySelector<HTMLElement>('[data-newer]');
    if (notice && live) notice.hidden = live.commit === version.commit;
  });
}
