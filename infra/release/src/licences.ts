// The licences of the npm packages that a release contains.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Returns one text with the licence of each package. `directories` are relative to `root`. Rejects if a package has
 * neither a licence file nor an SPDX expression in its package.json.
 */
export async function listLicences(root: string, directories: readonly string[]): Promise<string> {
  const entries = await Promise.all(directories.map((directory) => describe(join(root, directory))));
  const head = `Cistern contains these packages:\n\n${entries.map(({ name }) => `  ${name}\n`).join('')}`;
  return [head, ...entries.map(({ name, text }) => `${'-'.repeat(80)}\n${name}\n\n${text.trim()}\n`)].join('\n');
}

async function describe(directory: string): Promise<{ readonly name: string; readonly text: string }> {
  const { name, version, license } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as {
    readonly name: string;
    readonly version: string;
    readonly license?: string;
  };
  const files = (await readdir(directory)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).toSorted();
  const texts = await Promise.all(files.map((file) => readFile(join(directory, file), 'utf8')));
  if (texts.length === 0 && license === undefined) throw new Error(`${directory} names no licence.`);
  return { name: `${name} ${version} (${license ?? 'see below'})`, text: texts.join('\n') };
}
