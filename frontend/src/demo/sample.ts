/**
 * A small made-up site and the edits a reader can try on it.
 *
 * Pure: the digest comes in as a parameter, so that the same code runs in the worker and in the tests.
 */

/** What a build reads. */
export interface Source {
  style: string;
  script: string;
  photo: string;
  /** The body of each page by its key, in no order that matters. */
  pages: Record<string, string>;
}

/** What a build gives: one file, by the key it will have in the bucket. */
export interface BuiltFile {
  key: string;
  sizeBytes: number;
  /** Lower-case hexadecimal. */
  sha256: string;
  /** Whether the name carries a hash of the content. */
  fingerprinted: boolean;
}

export type EditId = 'typo' | 'color' | 'photo' | 'page' | 'nothing';

/** The edits, in the order they are offered. */
export const EDITS: Record<EditId, (source: Source) => Source> = {
  typo: (source) => withPage(source, 'guide/install/index.html', 'Unpack the archive and put it on your path.'),
  color: (source) => ({ ...source, style: source.style.replace('#0b57d0', '#00693e') }),
  photo: (source) => ({ ...source, photo: 'a platform in the evening' }),
  page: (source) => withPage(source, 'guide/rollback/index.html', 'Every push is a release you can go back to.'),
  nothing: (source) => source,
};

const CHAPTERS = [
  'install', 'first-push', 'cache-rules', 'headers', 'redirects', 'previews', 'domains', 'certificates', 'costs',
  'limits', 'team', 'ci', 'monorepo', 'questions',
];

/** The site before any edit. */
export const SAMPLE: Source = {
  style: 'body{font:16px/1.6 sans-serif}a{color:#0b57d0}',
  script: 'document.documentElement.classList.add("ready")',
  photo: 'a platform in the morning',
  pages: {
    'index.html': 'A site for the demonstration.',
    'about/index.html': 'Who we are: <photo>',
    ...Object.fromEntries(CHAPTERS.map((name) => [`guide/${name}/index.html`, `The chapter on ${name}.`])),
  },
};

/** Builds as a bundler does: assets first, named by their content; then the pages that refer to those names. */
export async function build(source: Source, digest: (text: string) => Promise<string>): Promise<BuiltFile[]> {
  const asset = async (name: string, extension: string, text: string) =>
    file(`assets/${name}-${(await digest(text)).slice(0, 8)}.${extension}`, text, true);
  async function file(key: string, text: string, fingerprinted: boolean): Promise<BuiltFile> {
    return { key, sizeBytes: new TextEncoder().encode(text).length, sha256: await digest(text), fingerprinted };
  }

  const style = await asset('style', 'css', source.style);
  const script = await asset('app', 'js', source.script);
  const photo = await asset('platform', 'avif', source.photo);
  const pages = Object.entries(source.pages).map(([key, body]) => {
    const refers = `<link href=/${style.key}><script src=/${script.key}></script>`;
    return file(key, refers + body.replace('<photo>', `<img src=/${photo.key}>`), false);
  });
  const robots = file('robots.txt', 'User-agent: *', false);
  return Promise.all([style, script, photo, robots, ...pages]);
}

function withPage(source: Source, key: string, body: string): Source {
  return { ...source, pages: { ...source.pages, [key]: body } };
}
