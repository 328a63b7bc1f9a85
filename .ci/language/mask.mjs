// Hides what is not our prose, character by character, so that offsets stay: code counts as a word, quotations keep theirs.

const code =
  /``[^`]+``|`[^`\n]*(?:\n[^`\n]*)?`|https?:\/\/\S+|<\/?[a-z][^<>]*>|\{@\w+ [^}]*\}|@param\s+(?:\{[^}]*\}\s*)?[\w.[\]]+/gi;
const quotation = /"[^"]{1,300}"|“[^”]{1,300}”/g;

export function maskCode(text) {
  return text.replaceAll(code, (found) => found.replaceAll(/[^\n]/g, '§')).replaceAll(quotation, maskLetters);
}

function maskLetters(text) {
  return text.replaceAll(/[\p{L}\p{N}.?!]/gu, '§');
}

const plainWord = /^[("'“‘]?[A-Za-z][a-z’'-]*[.,:;!?)"'”’]*$/;

/** Sentences and titles; not data, commands, queries, scripts or markup. */
export function isProse(text) {
  const isScript = text.includes('\n') && /\w\.\w+\(/.test(text);
  const words = text.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  return !isScript && words.length > 1 && words.filter((word) => plainWord.test(word)).length >= 0.7 * words.length;
}
