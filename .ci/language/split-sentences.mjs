// Splits a paragraph into sentences and counts their words.

const end = /[.!?…]+["'”’)\]*_]*(?=\s+[^\sa-z]|\s*$)/g;
const abbreviation = /\b(?:e\.g|i\.e|etc|vs|cf|approx|no|St|Dr|Mr|Mrs)\.$/i;

/** The sentences as `{ at, text }`, `at` within the paragraph. */
export function splitSentences(text) {
  const sentences = [];
  let from = 0;
  for (const { 0: mark, index } of text.matchAll(end)) {
    const to = index + mark.length;
    if (abbreviation.test(text.slice(from, to)) && text.slice(to).trim() !== '') continue;
    add(from, to);
    from = to;
  }
  add(from, text.length);
  return sentences;

  function add(start, stop) {
    const sentence = text.slice(start, stop);
    if (/[\p{L}\p{N}§]/u.test(sentence)) sentences.push({ at: start + leading(sentence), text: sentence.trim() });
  }
}

export function countWords(sentence) {
  return sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}§]/u.test(word)).length;
}

function leading(text) {
  return text.length - text.trimStart().length;
}
