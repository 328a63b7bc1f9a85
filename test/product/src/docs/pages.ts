// All pages of the documentation.
import { globSync } from 'node:fs';
import { readPage, root } from './read-page.ts';

const paths = ['*.md', 'docs/**/*.md', 'infra/**/*.md', 'test/clients/*.md'].flatMap((pattern) =>
  globSync(pattern, { cwd: root }).toSorted(),
);

export const pages = paths.map(readPage);
