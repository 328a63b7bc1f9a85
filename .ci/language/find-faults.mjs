// Finds where the prose of a file departs from the rules, with the line and the text of each.
import { countWords, splitSentences } from './split-sentences.mjs';
import { longSentence, rules } from './rules.mjs';
import { readMarkdown } from './read-markdown.mjs';
import { readSource } from './read-source.mjs';

/** Text that is not ours has a comment on the line before it, or in the first lines of its file. */
const exempting = /^[ \t]*(?:\/\/|<!--) language: \S/;

/** Faults as `{ rule, line, text, write }`, by line. */
export function findFaults(path, source) {
  const lines = source.split('\n');
  if (isExempt(lines)) return [];
  const faults = readProse(path, source).flatMap(({ kind, at, text }) =>
    splitSentences(text).flatMap((sentence) => faultsIn(sentence, kind, at)),
  );
  if (faults.length === 0) return faults;
  const lineOf = lineFinder(source);
  return faults
    .map(({ at, ...fault }) => ({ ...fault, line: lineOf(at) }))
    .filter(({ line }) => !exempting.test(lines[line - 2] ?? ''))
    .sort((a, b) => a.line - b.line);
}

/** The paragraphs of a file, by the end of its name. */
export function readProse(path, source) {
  return path.endsWith('.md') ? readMarkdown(source) : readSource(source);
}

function isExempt(lines) {
  const head = lines.findIndex((line) => !/^(?:\/\/|<!--|#!)/.test(line));
  return lines.slice(0, head).some((line) => exempting.test(line));
}

function faultsIn(sentence, kind, at) {
  const faults = [];
  const isQuestion = sentence.text.endsWith('?');
  for (const { name: rule, pattern, from, write } of rules) {
    if (pattern !== undefined)
      for (const { 0: text, index } of sentence.text.matchAll(pattern))
        faults.push({ rule, at: at + sentence.at + index, text, write });
    else if (kind !== 'heading' && !isQuestion && from.test(sentence.text))
      faults.push({ rule, at: at + sentence.at, text: shortened(sentence.text, 60), write });
  }
  const words = countWords(sentence.text);
  if (words > longSentence.words)
    faults.push({
      rule: longSentence.name,
      at: at + sentence.at,
      text: `${words} words: ${shortened(sentence.text, 60)}`,
      write: longSentence.write,
    });
  return faults;
}

function shortened(text, length) {
  const line = text.replaceAll(/\s+/g, ' ').replaceAll(/§+/g, '…');
  return line.length > length ? `${line.slice(0, length)}…` : line;
}

function lineFinder(source) {
  const starts = [0, ...[...source.matchAll(/\n/g)].map(({ index }) => index + 1)];
  return (at) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= at) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
