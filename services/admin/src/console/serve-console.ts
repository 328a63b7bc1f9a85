// Serves the console's files: the modules of the page from `page/`, and lit-html, the only library that they import. The console
// has no build step, and loads nothing from other hosts.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { FastifyInstance } from 'fastify';

const page = new URL('page/', import.meta.url);
/** The build of lit-html for browsers. `import.meta.resolve` finds the build for Node.js, which is one directory below. */
const library = new URL('../lit-html.js', import.meta.resolve('lit-html'));

const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const headers = {
  'content-security-policy':
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  // Browsers keep the files, but revalidate each of them by its ETag.
  'cache-control': 'no-cache',
};

/** Hides the routes from the API description. */
const schema = { hide: true };

interface ConsoleFile {
  readonly mediaType: string;
  readonly etag: string;
  readonly content: Buffer;
}

/** Adds `GET /console/…`. Reads all files now, and serves them from memory. */
export async function serveConsole(app: FastifyInstance): Promise<void> {
  const files = await readFiles();
  app.get('/console', { schema }, (_request, reply) => reply.redirect('/console/', 308));
  app.get<{ Params: { readonly '*': string } }>(
    '/console/*',
    { schema },
    ({ params: { '*': path }, headers: sent }, reply) => {
      const file = files.get(path === '' ? 'index.html' : path);
      if (file === undefined) return reply.code(404).send({ message: 'The console has no such file.' });
      const { mediaType, etag, content } = file;
      void reply.headers({ ...headers, etag });
      return sent['if-none-match'] === etag ? reply.code(304).send() : reply.type(mediaType).send(content);
    },
  );
}

async function readFiles(): Promise<ReadonlyMap<string, ConsoleFile>> {
  const names = (await readdir(page, { recursive: true })).filter((name) => extname(name) in mediaTypes);
  const own = names.map(async (name) => [name, await readConsoleFile(new URL(name, page))] as const);
  return new Map([...(await Promise.all(own)), ['vendor/lit-html.js', await readConsoleFile(library)]]);
}

async function readConsoleFile(url: URL): Promise<ConsoleFile> {
  const content = await readFile(url);
  const mediaType = mediaTypes[extname(url.pathname)] ?? 'application/octet-stream';
  return { mediaType, etag: `"${createHash('sha256').update(content).digest('base64url')}"`, content };
}
