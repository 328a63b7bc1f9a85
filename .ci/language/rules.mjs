// The words and forms that our English avoids, with a suggestion for each. A `pattern` finds
// words anywhere in a sentence; `from` looks at its beginning.

// A clause with two verbs, so that the one before the last is its subject: "what is stored stays". Not across a conjunction.
const joining = 'and|or|but|so|when|where|while|until|if|as|than|that|which|who|because';
const word = `(?!(?:${joining})\\b)[\\w§'’-]+\\s+`;
const inner = '(?:is|are|was|were|has|have|may|can|does)';
const outer = '(?:is|are|was|were|stays?|goes|comes|gets|has|have|may|must|can|cannot|will)';

export const longSentence = { name: 'long-sentence', words: 25, write: 'two sentences, one idea each' };

export const rules = [
  {
    name: 'tell',
    pattern: /\b(?:tells?|told|telling)\b/gi,
    write: 'say, report, show, notify, announce, or know one from the other: distinguish',
  },
  { name: 'wish', pattern: /\bwish(?:es|ed|ing)?\b/gi, write: 'request, want, or the noun of what is requested' },
  { name: 'whoever', pattern: /\bwho(?:m|so)?ever\b/gi, write: 'the subject: the client, the caller, the node' },
  { name: 'somebody', pattern: /\bsomebody(?:['’]s)?\b/gi, write: 'the subject: a client, an operator, another node' },
  { name: 'nobody', pattern: /\bnobody(?:['’]s)?\b/gi, write: 'no client, no node; or say what happens instead' },
  { name: 'anew', pattern: /\banew\b/gi, write: 'again, or a new …' },
  { name: 'of-late', pattern: /\bof\s+late\b/gi, write: 'recently, or the period: in the last 24 hours' },
  {
    name: 'come-in',
    pattern:
      /\b(?:comes?|came|coming)\s+in\b(?!\s+(?:two|three|four|many|several|handy|useful|one|a|an|any|its|their|order|pairs|between|both)\b)/gi,
    write: 'arrive, connect, log in, be received',
  },
  {
    name: 'let-in',
    pattern: /\b(?:lets?|letting)\s+(?:[\w§]+\s+)?in\b(?!\s+(?:a|an|the|which|its|their|this|that|one|each)\b)/gi,
    write: 'authenticate, authorize, allow, admit',
  },
  {
    name: 'left-alone',
    pattern: /\b(?:left|leaves?|leaving)\s+(?:[\w§]+\s+){0,2}alone\b/gi,
    write: 'the circuit breaker is open; or skip, ignore, do not use',
  },
  { name: 'sign-of-life', pattern: /\bsigns?\s+of\s+life\b/gi, write: 'send a heartbeat' },
  {
    name: 'stand-lie',
    pattern:
      /\b(?:stands?|stood|lie|lies|lay|lying)\s+(?:in|on|at|there|here|beside|below|above|under|behind|before|between|within)\b/gi,
    write: 'is in, is stored in, is listed in',
  },
  { name: 'is-away', pattern: /\b(?:is|are|was|were|be|been|being)\s+away\b/gi, write: 'is unavailable, is down' },
  { name: 'in-place-of', pattern: /\bin\s+place\s+of\b/gi, write: 'instead of' },
  {
    name: 'clause-subject',
    from: /^(?:what|who)\s+(?!(?:else|about|if|next)\b)(?:[\w§'’,/-]+\s+){2}/i,
    write: 'a noun as the subject: the stored blobs, a client that asks',
  },
  {
    name: 'what-is',
    pattern: new RegExp(`(?<=\\S\\s+)\\bwhat\\s+(?:${word}){0,4}?${inner}\\s+(?:${word}){0,5}?${outer}\\b`, 'gi'),
    write: 'a noun as the subject: the stored blobs, the configured limit',
  },
  {
    name: 'fragment',
    from: /^(?:of\s+(?!course\b)\w|absent:)/i,
    write: 'a whole sentence: subject, verb, object; "Unset means …"',
  },
];
