// Reads the prose of Markdown: paragraphs, headings, list items and cells. Not code, front matter, links or block quotes.
import { maskCode } from './mask.mjs';

const fence = /^[ \t]*(```+|~~~+)/;
const htmlComment = /<!--[\s\S]*?-->/g;
const link = /\]\([^)\n]*\)|\]\[[^\]\n]*\]|^[ \t]*\[[^\]\n]+\]: .*$/gm;
const item = /^(?:[-*+]|\d+[.)]) /;

/** The paragraphs as `{ kind, at, text }`: `text` is as long as its part of the source that begins at `at`. */
export function readMarkdown(source) {
  const paragraphs = [];
  let current;
  let offset = 0;
  for (const line of visible(source).split('\n')) {
    const words = line.trimStart();
    if (words === '' || words.startsWith('>')) current = undefined;
    else if (/^#{1,6} /.test(words)) {
      paragraphs.push({ kind: 'heading', at: offset, text: line.replace('#', ' ') });
      current = undefined;
    } else if (words.startsWith('|')) {
      paragraphs.push(...cells(line, offset));
      current = undefined;
    } else if (current === undefined || item.test(words)) {
      current = { kind: 'paragraph', at: offset, text: line.replace(item, blank) };
      paragraphs.push(current);
    } else current.text += `\n${line}`;
    offset += line.length + 1;
  }
  return paragraphs.map((paragraph) => ({ ...paragraph, text: maskCode(paragraph.text) }));
}

function visible(source) {
  let closing;
  const lines = source.split('\n').map((line) => {
    const mark = fence.exec(line)?.[1];
    if (closing === undefined && mark === undefined) return line;
    if (closing === undefined) closing = mark;
    else if (mark !== undefined && mark.startsWith(closing)) closing = undefined;
    return blank(line);
  });
  return lines.join('\n').replaceAll(htmlComment, blank).replaceAll(link, blank);
}

function cells(line, offset) {
  const found = [];
  let at = 0;
  // A bar within code is escaped.
  for (const text of line.split(/(?<!\\)\|/)) {
    if (/\p{L}/u.test(text)) found.push({ kind: 'cell', at: offset + at, text });
    at += text.length + 1;
  }
  return found;
}

function blank(text) {
  return text.replaceAll(/[^\n]/g, ' ');
}
