/**
 * What the distribution adds to every answer, read from the Terraform that makes it: the browser obeys it here as it does
 * there, and a page that it would break is found.
 */

import { readFileSync } from 'node:fs';

const VARIABLES = new URL('../../infra/modules/site/variables.tf', import.meta.url);
const POLICY = /^variable "content_security_policy" \{$[^}]*?^ {2}default += "([^"\\]+)"$/m;

/** The Content-Security-Policy that a site has unless its environment says otherwise. Throws when there is none. */
export function contentSecurityPolicy() {
  const policy = POLICY.exec(readFileSync(VARIABLES, 'utf8'))?.[1];
  if (!policy) throw new Error(`${VARIABLES.pathname} has no default for content_security_policy`);
  return policy;
}

/**
 * Lets every page that the browser gets carry the policy, in place of any other.
 *
 * By the browser's own protocol and not by a route of the driver's: those turn its cache off. The answer is given anew, with its
 * body: Chromium reads no policy out of headers that are changed on their way.
 *
 * @param {import('playwright-core').Page} page
 * @param {string} policy
 */
export async function addPolicy(page, policy) {
  const session = await page.context().newCDPSession(page);
  session.on('Fetch.requestPaused', async ({ requestId, responseStatusCode, responseHeaders = [] }) => {
    try {
      const isPage = responseStatusCode !== undefined && (responseStatusCode < 300 || responseStatusCode >= 400);
      if (!isPage) return await session.send('Fetch.continueRequest', { requestId });
      const { body, base64Encoded } = await session.send('Fetch.getResponseBody', { requestId });
      return await session.send('Fetch.fulfillRequest', {
        requestId,
        responseCode: responseStatusCode,
        responseHeaders: [
          // The body is the decoded one.
          ...responseHeaders.filter(({ name }) => !/^content-(security-policy|encoding|length)$/i.test(name)),
          { name: 'content-security-policy', value: policy },
        ],
        body: base64Encoded ? body : Buffer.from(body).toString('base64'),
      });
    } catch {
      // The page was closed meanwhile, or went elsewhere; a page that waits for its answer says so itself.
      return undefined;
    }
  });
  await session.send('Fetch.enable', { patterns: [{ resourceType: 'Document', requestStage: 'Response' }] });
}
