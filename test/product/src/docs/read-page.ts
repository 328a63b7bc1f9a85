// Reads a page of the documentation as its blocks and links. A comment before a block defines its treatment:
//   <!-- file: /etc/docker/daemon.json -->   the content of this file
//   <!-- not run: the reason -->             commands that cannot run here
//   <!-- run: until http://localhost:5000/ -->   a command that keeps running and answers at this URL
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../..', import.meta.url));

export interface Block {
  readonly page: string;
  readonly line: number;
  /** `sh`, `yaml`, … */
  readonly language: string;
  readonly text: string;
  readonly note: { readonly kind: 'file' | 'not run' | 'run'; readonly text: string } | undefined;
}

export interface Page {
  /** Relative to the root. */
  readonly path: string;
  readonly blocks: readonly Block[];
  /** Links as they are written in the text. */
  readonly links: readonly string[];
  /** Anchors of headings, as links name them. */
  readonly anchors: ReadonlySet<string>;
  /** All text outside the blocks. */
  readonly prose: string;
}

const fence = /^( *)```(\w*)\n([^]*?)\n\1```$/gm;
const comment = /<!-- (file|not run|run): ((?:(?!-->)[^])*?) -->\s*$/;

export function readPage(path: string): Page {
  const text = readFileSync(join(root, path), 'utf8');
  const blocks = [...text.matchAll(fence)].map((match): Block => {
    const before = text.slice(0, match.index);
    const [, kind, note] = comment.exec(before) ?? [];
    return {
      page: path,
      line: before.split('\n').length,
      language: match[2]!,
      text: match[3]!,
      note: kind === undefined || note === undefined ? undefined : { kind: kind as 'file', text: note },
    };
  });
  const prose = text.replace(fence, '');
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
  return { path, blocks, links, anchors: new Set(anchorsOf(prose)), prose };
}

/** Creates the anchors of headings like the well-known forges. */
function anchorsOf(prose: string): string[] {
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
