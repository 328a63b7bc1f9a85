// Parses `WWW-Authenticate` (RFC 9110 section 11.6.1). Several challenges may be in one field or in several. Commas
// separate both the challenges and the parameters of one challenge.

export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** The parameters by name, in lower case. Empty if the challenge has a token68 instead of parameters. */
  readonly parameters: ReadonlyMap<string, string>;
}

const separators = /[\s,]*/y;
const token = /[\w!#$%&'*+.^`|~-]+/y;
const value = /[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([\w!#$%&'*+./:^`|~-]+))/y;
const token68 = /[ \t]+[\w.~+/-]+=*[ \t]*(?=,|$)/y;
const equals = /[ \t]*=/y;

/** Returns the valid challenges, in order. The rest of a field after its first invalid part is ignored. */
export function parseChallenges(fields: string | readonly string[] | undefined): Challenge[] {
  if (fields === undefined) return [];
  return (typeof fields === 'string' ? [fields] : fields).flatMap(parseField);
}

function parseField(field: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let position = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = position;
    const match = pattern.exec(field) ?? undefined;
    if (match !== undefined) position = pattern.lastIndex;
    return match;
  };
  for (;;) {
    take(separators);
    const name = take(token)?.[0].toLowerCase();
    if (name === undefined) return challenges;
    const current = challenges.at(-1);
    const parameter = take(value);
    if (parameter === undefined) {
      if (take(equals) !== undefined) return challenges;
      challenges.push({ scheme: name, parameters: new Map() });
      take(token68);
    } else {
      if (current === undefined) return challenges;
      const [, quoted, plain] = parameter;
      // If a name appears twice, the first parameter counts. Other parsers, which may have checked the field earlier,
      // do the same.
      if (!current.parameters.has(name))
        current.parameters.set(name, quoted === undefined ? (plain ?? '') : quoted.replaceAll(/\\(.)/g, '$1'));
    }
  }
}
