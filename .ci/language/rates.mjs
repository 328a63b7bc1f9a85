// How often comments use the words that lead to clauses as subjects. One is right now and then; many are a dialect.
import { countWords } from './split-sentences.mjs';

/** Words with the most uses per 1,000 words of comments. */
const limits = [
  { word: 'who', pattern: /\bwhom?(?:so)?(?:ever)?\b/gi, most: 0.5 },
  // language: names of the counted words
  { word: 'nobody, somebody', pattern: /\b(?:no|some)body\b/gi, most: 0.5 },
  { word: 'tell', pattern: /\b(?:tells?|told|telling)\b/gi, most: 0.5 },
  { word: 'what', pattern: /\bwhat(?:so)?(?:ever)?\b/gi, most: 2 },
];

/** `texts`: the comments. Returns `{ word, most, rate }` for each limit, `rate` per 1,000 words. */
export function measureRates(texts) {
  const words = texts.reduce((sum, text) => sum + countWords(text), 0);
  return limits.map(({ word, pattern, most }) => {
    const uses = texts.reduce((sum, text) => sum + (text.match(pattern)?.length ?? 0), 0);
    return { word, most, rate: words === 0 ? 0 : (1_000 * uses) / words };
  });
}
