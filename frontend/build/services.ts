/** Where the services are, as the build was told by the variable `SITE_SERVICES`. */

import { isOrigin, type SiteVersion } from '../src/version.ts';

/**
 * Reads the variable: unset or empty for no services, `1` for services under the site's own `/api/`, an origin such as
 * `https://api.example.com` for services there. Throws for anything else.
 */
export function readServices(value: string | undefined): Pick<SiteVersion, 'services' | 'api'> {
  if (value === undefined || value === '') return { services: false, api: '' };
  if (value === '1') return { services: true, api: '' };
  if (isOrigin(value)) return { services: true, api: value };
  throw new Error(`SITE_SERVICES is ${JSON.stringify(value)}: neither 1 nor an origin such as https://api.example.com`);
}
