// Messages repeat values that are wrong, and an address may hold a password where none belongs: `redis://:password@host`.
import type { Problem } from '../values/problems.ts';
import type { RawValue } from './read-yaml.ts';

/** All before the last `@`, with the scheme apart. The `@` of an image's digest does not count. */
const userInfo = /^((?:[a-z][a-z\d+.-]*:)?\/\/)?[^]*@(?!sha(?:256|512):)/i;

/** Hides the user info of every value of `raw` in the message. */
export function hideUserInfo(raw: RawValue): (problem: Problem) => Problem {
  const values = textsOf(raw).filter((text) => userInfo.test(text));
  return ({ path, message }) => ({
    path,
    message: values.reduce((shown, value) => shown.replaceAll(value, () => withoutUserInfo(value)), message),
  });
}

function withoutUserInfo(value: string): string {
  return value.replace(userInfo, '$1[redacted]@');
}

function textsOf(raw: RawValue): readonly string[] {
  if (typeof raw === 'string') return [raw];
  return raw === null ? [] : Object.values(raw).flatMap(textsOf);
}
