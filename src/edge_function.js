// The viewer-request function of a sitepush distribution (runtime cloudfront-js-2.0, at most 10 KB).
//
// It turns a URI into the key that holds the answer. It cannot see the bucket: all it knows is in the key value
// store, and with none the defaults serve an ordinary site. A request costs one
// read, plus one where `routes` names a set.
//
//   release          the live settings, so that one write switches release, pages and redirects together
//   preview/<label>  the same for a preview; needs `id` and `expires`
//   route<set><path> one route of the set `set` (for `routes` too large for the settings)
//
// Settings, all optional:
//   id        release id: files are under /_releases/<id>; absent in the in-place layout
//   pool      ["/assets/"]: directories that all releases share, never rewritten or looked up
//   pages     where the page /about is: "directory" (/about/index.html, the default), "html" (/about.html),
//             or "exact" (only / and /dir/ stand for an index.html)
//   slash     which of /about and /about/ redirects to the other, for relative links: "auto" (/about/ where the
//             file is /about/index.html), "add", "remove", or "keep" (none; the default)
//   shell     "/index.html": a single-page application; navigations to what is not a route get this file
//   routes    {path: route}, or "/<set>", which names routes of their own in the store. A path is decoded
//             and has no closing slash. A route is {"file": "/x.html"}, for what `pages` would get wrong, or
//             {"to": "/new", "status": 301}; both are URIs, percent-encoded; ":splat" in `to` is what `*` took
//   splats    ["/old/"]: which routes end in `*` ("/old/*"), longest first
//   previews  ".preview.example.com": <label> before it is a preview's host
//   expires   Unix seconds after which a preview is gone
//
// The engine lacks destructuring, spread, `?.`, `catch` without a name and `await` inside arguments.
import cf from 'cloudfront';

const PREVIEW = '/_preview';
const COOKIE = 'sitepush-preview';
const LABEL = /^[a-z0-9][a-z0-9-]{0,62}$/;
// Digits alone are no extension: /docs/v1.2 is a page.
const FILE = /\.(?:[a-z][a-z0-9]{0,11}|7z|3gp|3g2)$/i;
const STATUS = { 301: 'Moved Permanently', 302: 'Found', 307: 'Temporary Redirect',
  308: 'Permanent Redirect', 404: 'Not Found', 410: 'Gone' };

let store = null;
try {
  store = cf.kvs();
} catch (error) {
  // none is associated
}

async function handler(event) {
  const request = event.request;
  if (isReserved(request.uri)) {
    return refusal(404);
  }
  const live = (await read('release')) || {};
  const host = header(request, 'host').split(':')[0].toLowerCase();
  const cookie = request.cookies[COOKIE];

  if ((request.uri + '/').startsWith(PREVIEW + '/')) {
    return previewByPath(request);
  }
  if (live.previews && host.endsWith(live.previews)) {
    // The live site must not appear under another name.
    const preview = await readPreview(host.slice(0, -live.previews.length));
    return preview ? route(request, preview) : refusal(404);
  }
  // A cookie may outlive its preview: then the live site is right.
  const chosen = cookie ? await readPreview(cookie.value) : null;
  return route(request, chosen || live);
}

// Links lead out of /_preview/<label>/, so a browser gets a cookie and the page proper; anything else (curl) the
// file at once. /_preview/ goes back to the live site.
async function previewByPath(request) {
  const parts = request.uri.split('/');
  const label = parts[2];
  if (!label) {
    return redirect(302, '/', previewCookie('', 0));
  }
  const preview = await readPreview(label);
  if (!preview) {
    return refusal(404);
  }
  const rest = '/' + parts.slice(3).join('/');
  if (isNavigation(request)) {
    return redirect(302, withQuery(local(rest), request), previewCookie(label, preview.expires - now()));
  }
  request.uri = rest;
  const answered = await route(request, preview);
  const to = answered.statusCode && answered.headers.location;
  if (to && /^\/(?!\/)/.test(to.value)) {
    to.value = PREVIEW + '/' + label + to.value; // a redirect must not lead out of the preview
  }
  return answered;
}

async function route(request, settings) {
  const uri = request.uri;
  const pool = settings.pool || [];
  if (pool.some((directory) => uri.startsWith(directory))) {
    return forward(request, uri);
  }
  const found = await findRoute(decoded(uri).replace(/\/+$/, '') || '/', settings);
  if (found && found.to) {
    return redirect(found.status || 301, withQuery(found.to, request));
  }
  if (found && found.status) {
    return refusal(found.status);
  }
  const file = (found && found.file) || fileFor(uri, settings, request);
  const canonical = canonicalSlash(uri, file, settings);
  if (canonical !== uri) {
    return redirect(301, withQuery(local(canonical), request));
  }
  return forward(request, (settings.id ? '/_releases/' + settings.id : '') + file);
}

// S3 takes a "+" in a path for a space.
function forward(request, uri) {
  request.uri = uri.replace(/\+/g, '%2B');
  return request;
}

// A name with an extension is never replaced: a page for a missing script would be cached as the script.
function fileFor(uri, settings, request) {
  const bare = uri.replace(/\/+$/, '');
  if (bare === '') {
    return '/index.html';
  }
  if (!isPage(uri)) {
    return uri;
  }
  if (settings.shell) {
    return isNavigation(request) ? settings.shell : uri;
  }
  if (settings.pages === 'exact') {
    return uri.endsWith('/') ? uri + 'index.html' : uri;
  }
  return bare + (settings.pages === 'html' ? '.html' : '/index.html');
}

function canonicalSlash(uri, file, settings) {
  const bare = uri.replace(/\/+$/, '');
  const slash = settings.slash || 'keep';
  if (bare === '' || slash === 'keep' || settings.shell || !isPage(uri)) {
    return uri;
  }
  return slash === 'add' || (slash === 'auto' && file.endsWith('/index.html')) ? bare + '/' : bare;
}

// RFC 8615 names have no extension and are no pages.
function isPage(uri) {
  return !uri.startsWith('/.well-known/') && !FILE.test(uri);
}

async function findRoute(path, settings) {
  const routes = settings.routes;
  if (!routes) {
    return null;
  }
  const exact = await oneRoute(routes, path);
  if (exact) {
    return exact;
  }
  const taken = (settings.splats || []).find((start) => (path + '/').startsWith(start));
  const found = taken && (await oneRoute(routes, taken + '*'));
  if (!found || !found.to) {
    return found || null;
  }
  const splat = path.slice(taken.length).split('/').map(encodeURIComponent).join('/');
  // The visitor chooses the splat: "/:splat" must not become "//evil.example".
  const to = found.to.split(':splat').join(splat);
  return { to: found.to.startsWith('/') && !found.to.startsWith('//') ? local(to) : to, status: found.status };
}

async function oneRoute(routes, path) {
  if (typeof routes !== 'string') {
    return routes[path];
  }
  return read('route' + routes + path);
}

// The store throws for a key that is absent or too long.
async function read(key) {
  if (!store) {
    return null;
  }
  try {
    const value = await store.get(key, { format: 'json' });
    return value;
  } catch (error) {
    return null;
  }
}

async function readPreview(label) {
  const preview = LABEL.test(label) ? await read('preview/' + label) : null;
  return preview && preview.id && preview.expires > now() ? preview : null;
}

// sitepush's state is 404 under any spelling (the bucket policy denies it too), and so are releases by their path,
// or every page had a second address.
function isReserved(uri) {
  let text = uri;
  for (let i = 0; i < 4 && text.indexOf('%') >= 0; i++) {
    text = text.replace(/%([0-9a-f]{2})/gi, (all, hex) => String.fromCharCode(parseInt(hex, 16)));
  }
  const path = text.replace(/\\/g, '/').toLowerCase();
  return /(?:^|\/)\.sitepush(?:\/|$)/.test(path) || /^\/+_releases(?:\/|$)/.test(path);
}

// Browsers without Sec-Fetch-Mode ask for text/html when they navigate.
function isNavigation(request) {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return false;
  }
  const mode = header(request, 'sec-fetch-mode');
  return mode ? mode === 'navigate' : header(request, 'accept').indexOf('text/html') >= 0;
}

function header(request, name) {
  const found = request.headers[name];
  return found ? found.value : '';
}

function decoded(uri) {
  try {
    return decodeURIComponent(uri);
  } catch (error) {
    return uri; // not UTF-8: no route can name it
  }
}

// A path on this host: "//x" and "/\x" name others.
function local(path) {
  return path.replace(/^[/\\]+/, '/');
}

// The viewer's query goes along, unless the target brings one.
function withQuery(to, request) {
  const pairs = [];
  const query = request.querystring;
  Object.keys(query).forEach((name) => {
    (query[name].multiValue || [query[name]]).forEach((item) => {
      pairs.push(item.value === '' ? name : name + '=' + item.value);
    });
  });
  return pairs.length === 0 || to.indexOf('?') >= 0 ? to : to + '?' + pairs.join('&');
}

function redirect(status, to, cookies) {
  const response = answer(status);
  response.headers.location = { value: to };
  if (cookies) {
    response.cookies = cookies;
  }
  return response;
}

function refusal(status) {
  const response = answer(status);
  response.headers['content-type'] = { value: 'text/plain; charset=utf-8' };
  response.body = { encoding: 'text', data: STATUS[status] + '\n' };
  return response;
}

// Browsers keep a 301 for good unless told not to.
function answer(status) {
  return { statusCode: status, statusDescription: STATUS[status],
    headers: { 'cache-control': { value: 'max-age=0, must-revalidate' } } };
}

function previewCookie(label, seconds) {
  const cookies = {};
  cookies[COOKIE] = { value: label, attributes: 'Path=/; Max-Age=' + seconds + '; HttpOnly; Secure; SameSite=Lax' };
  return cookies;
}

function now() {
  return Math.floor(Date.now() / 1000);
}
