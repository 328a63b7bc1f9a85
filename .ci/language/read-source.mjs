// Reads the prose of TypeScript and JavaScript: comments, and strings that are sentences rather than data.
import { SyntaxKind as Kind } from 'typescript/unstable/ast';
import { createScanner } from 'typescript/unstable/ast/scanner';
import { isProse, maskCode } from './mask.mjs';

const scanner = createScanner(false);
/** A `/` after one of these divides; elsewhere it begins a regular expression. */
const operands = new Set([
  Kind.BigIntLiteral,
  Kind.CloseBraceToken,
  Kind.CloseBracketToken,
  Kind.CloseParenToken,
  Kind.Identifier,
  Kind.NoSubstitutionTemplateLiteral,
  Kind.NumericLiteral,
  Kind.RegularExpressionLiteral,
  Kind.StringLiteral,
  Kind.TemplateTail,
  Kind.ThisKeyword,
]);
const comments = [Kind.SingleLineCommentTrivia, Kind.MultiLineCommentTrivia];
const isTrivia = new Set([...comments, Kind.WhitespaceTrivia, Kind.NewLineTrivia]);
const isRead = new Set([
  ...comments,
  Kind.StringLiteral,
  Kind.NoSubstitutionTemplateLiteral,
  Kind.TemplateHead,
  Kind.TemplateMiddle,
  Kind.TemplateTail,
]);
/** Lines that begin a paragraph: tags, directives, keys of YAML, list items, and rows of a table. */
const beginning = /^@\w+|^(?:language|real-time): |^oxlint-|^[a-z][\w.-]*:(?: |$)|^[-*•|] |\S {3,}\S/;

/**
 * The paragraphs of a source as `{ kind, at, text }`. `kind` is `comment` or `string`; `text` is as long as its part of the source that
 * begins at `at`.
 */
export function readSource(source) {
  const paragraphs = [];
  let comment;
  const columnOf = (at) => at - 1 - source.lastIndexOf('\n', at - 1);
  const add = (kind, found) => paragraphs.push(...found.map((paragraph) => ({ kind, ...paragraph })));
  const endComment = () => {
    if (comment !== undefined) add('comment', splitParagraphs(comment, columnOf(comment.at)));
    comment = undefined;
  };
  for (const { kind, at, text } of tokens(source)) {
    if (kind === 'line' && comment !== undefined && /^\n[ \t]*$/.test(source.slice(comment.end, at))) {
      comment.text += blank(source.slice(comment.end, at)) + `  ${text.slice(2)}`;
      comment.end = at + text.length;
      continue;
    }
    endComment();
    if (kind === 'line') comment = { at, text: `  ${text.slice(2)}`, end: at + text.length };
    else if (kind === 'block') add('comment', splitParagraphs({ at, text: withoutStars(text) }, columnOf(at)));
    else if (isProse(text)) add('string', splitParagraphs({ at, text: maskEscapes(text) }));
  }
  endComment();
  return paragraphs;
}

/** Comments and strings, a template with its substitutions as one string. */
function* tokens(source) {
  scanner.setText(source);
  const templates = [];
  let depth = 0;
  let previous;
  for (let kind = scanner.scan(); kind !== Kind.EndOfFile; kind = scanner.scan()) {
    if ((kind === Kind.SlashToken || kind === Kind.SlashEqualsToken) && !operands.has(previous))
      kind = scanner.reScanSlashToken();
    const top = templates.at(-1);
    if (kind === Kind.CloseBraceToken && top?.depth === depth) kind = scanner.reScanTemplateToken(false);
    if (kind === Kind.OpenBraceToken) depth += 1;
    else if (kind === Kind.CloseBraceToken) depth -= 1;
    if (!isTrivia.has(kind)) previous = kind;
    if (!isRead.has(kind)) continue;
    const at = scanner.getTokenStart();
    const text = source.slice(at, scanner.getTokenEnd());
    if (kind === Kind.SingleLineCommentTrivia) yield { kind: 'line', at, text };
    else if (kind === Kind.MultiLineCommentTrivia) yield { kind: 'block', at, text };
    else if (kind === Kind.StringLiteral || kind === Kind.NoSubstitutionTemplateLiteral)
      yield { kind: 'string', at, text: ` ${text.slice(1, -1)} ` };
    else if (kind === Kind.TemplateHead) templates.push({ depth, at, text: ` ${text.slice(1, -2)}` });
    else {
      top.text = top.text.padEnd(at + 1 - top.at, '§') + text.slice(1, kind === Kind.TemplateTail ? -1 : -2);
      if (kind === Kind.TemplateTail) yield { kind: 'string', ...templates.pop() };
    }
  }
}

/** Paragraphs end at empty lines, and where the indentation grows: examples are their own. */
function splitParagraphs({ at, text }, column = 0) {
  const paragraphs = [];
  let current;
  let offset = at;
  for (const line of text.split('\n')) {
    const words = line.trimStart();
    const indent = line.length - words.length + (offset === at ? column : 0);
    const isNew = current === undefined || indent > current.indent || beginning.test(words);
    if (words === '') current = undefined;
    else if (isNew) paragraphs.push((current = { at: offset, text: line, indent }));
    else current.text += `\n${line}`;
    offset += line.length + 1;
  }
  return paragraphs.map((paragraph) => ({ at: paragraph.at, text: maskCode(paragraph.text) }));
}

function withoutStars(text) {
  return `  ${text.slice(2, -2)}  `.replaceAll(/^( *)\*/gm, '$1 ');
}

function maskEscapes(text) {
  return text.replaceAll(/\\[nrt]/g, '  ');
}

function blank(text) {
  return text.replaceAll(/[^\n]/g, ' ');
}
