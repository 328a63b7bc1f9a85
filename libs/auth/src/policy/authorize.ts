// The one place that decides who may pull what.
import { posix } from 'node:path';
import { type Identity, userName } from '../authentication/authenticator.ts';
import { createAddressList } from './networks.ts';

interface ImagePattern {
  /** Of `<upstream>/<repository>`; `*` passes no slash. */
  readonly name: string;
  /** `undefined`: of any tag, and of what has none. */
  readonly tag: string | undefined;
}

/** Who asks. */
export interface Asker {
  readonly identity: Identity;
  readonly clientIp: string;
}

interface PullAttempt {
  readonly upstream: string;
  /** Within the upstream. */
  readonly repository: string;
  /** Absent for what is asked for by digest, and for what is of no tag, such as lists. */
  readonly tag?: string | undefined;
  /** `os/architecture` or `os/architecture/variant`; absent for what is of none, or of one that is not known. */
  readonly platform?: string | undefined;
}

/**
 * `why`: a clause for the log. A client hears only that it may not, and `reason`, which an operator has written for
 * it.
 */
export type Decision =
  | {
      readonly isAllowed: true;
      /** Of some platform it may be denied. */
      readonly dependsOnPlatform: boolean;
    }
  | { readonly isAllowed: false; readonly why: string; readonly reason?: string | undefined };

/** Without looking at what there is: a denial says nothing of it. */
export type Authorize = (asker: Asker, attempt: PullAttempt) => Decision;

/** Fits if all that it names fits, by patterns as `fitsPattern` takes them. */
export interface PolicyRule {
  readonly action: 'allow' | 'deny';
  /** As `parseImagePattern` takes them. */
  readonly images: readonly string[];
  /** Patterns of names as `userName` has them; absent: everybody. */
  readonly users?: readonly string[] | undefined;
  /** Addresses and networks; absent: from everywhere. */
  readonly networks?: readonly string[] | undefined;
  /**
   * Globs of `os/architecture`, of all its variants, or of `os/architecture/variant`; absent: all, and what is of
   * none.
   */
  readonly platforms?: readonly string[] | undefined;
  /** For who is denied. */
  readonly reason?: string | undefined;
}

export interface Policy {
  /** The first that fits decides. */
  readonly rules: readonly PolicyRule[];
  /** Where none does. */
  readonly fallback: 'allow' | 'deny';
}

/**
 * An identity's grants are asked before its rules. A rule about tags says nothing of digests: what is asked for by digest may
 * be of any tag, so a rule that allows some tag allows it, and one that denies a tag does not deny it. The same with platforms,
 * for what is of none that is known.
 */
export function createAuthorize({ rules, fallback }: Policy): Authorize {
  const checks = rules.map(createCheck);
  return ({ identity, clientIp }, attempt) => {
    const { grants } = identity;
    const name = `${attempt.upstream}/${attempt.repository}`;
    if (grants !== undefined && !fitsAny('allow', name, grants))
      return { isAllowed: false, why: `its grants do not have ${name}` };
    const fitting = checks.filter((check) => check(userName(identity), clientIp, name, attempt.tag));
    const fits = fitting.find(({ rule }) => fitsPlatform(rule, attempt.platform));
    if ((fits?.rule.action ?? fallback) === 'allow')
      return { isAllowed: true, dependsOnPlatform: fitting[0]?.rule.platforms !== undefined };
    const what = attempt.platform === undefined ? name : `${name} of ${attempt.platform}`;
    if (fits === undefined) return { isAllowed: false, why: `no rule allows ${what}` };
    const { rule, number } = fits;
    return { isAllowed: false, why: `rule ${number} denies ${what}`, reason: rule.reason };
  };
}

interface Check {
  (user: string, clientIp: string, name: string, tag: string | undefined): boolean;
  readonly rule: PolicyRule;
  /** From 1. */
  readonly number: number;
}

function createCheck(rule: PolicyRule, index: number): Check {
  const { action, users, networks } = rule;
  const images = rule.images.map(parseImagePattern);
  const isFromThere = networks === undefined ? () => true : createAddressList(networks);
  const fitsTag = ({ tag: pattern }: ImagePattern, tag: string | undefined) =>
    pattern === undefined || (tag === undefined ? action === 'allow' : fitsPattern(action, tag, pattern));
  const check = (user: string, clientIp: string, name: string, tag: string | undefined) =>
    images.some((image) => fitsPattern(action, name, image.name) && fitsTag(image, tag)) &&
    (users === undefined || fitsAny(action, user, users)) &&
    isFromThere(clientIp);
  return Object.assign(check, { rule, number: index + 1 });
}

function fitsPlatform({ action, platforms }: PolicyRule, platform: string | undefined): boolean {
  if (platforms === undefined) return true;
  if (platform === undefined) return action === 'allow';
  const [os, architecture] = platform.split('/');
  return [platform, `${os}/${architecture}`].some((name) => fitsAny(action, name, platforms));
}

function fitsAny(action: PolicyRule['action'], value: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => fitsPattern(action, value, pattern));
}

/** `docker.io/library/*:v*`: globs of an image's name and, behind the last colon of the last component, of its tag. */
function parseImagePattern(pattern: string): ImagePattern {
  const colon = pattern.indexOf(':', pattern.lastIndexOf('/') + 1);
  if (colon === -1) return { name: pattern, tag: undefined };
  return { name: pattern.slice(0, colon), tag: pattern.slice(colon + 1) };
}

/**
 * Patterns of rules, as a shell has them. They fail closed: a rule that allows takes them narrowly, a rule that denies takes them
 * widely. In `allow`, `*` stops at a slash and does not stand for a leading dot. In `deny`, it is any text.
 */
export function fitsPattern(action: 'allow' | 'deny', value: string, pattern: string): boolean {
  // Names with brackets, such as `dependabot[bot]`, are patterns of other names.
  if (value === pattern) return true;
  if (action === 'allow') return !isIndirect.test(value) && posix.matchesGlob(value, pattern);
  return posix.matchesGlob(value, pattern) || posix.matchesGlob(asOneName(value), asOneName(pattern));
}

/** Globs are about paths, of which `x/../ada`, `./ada`, `ada/` and `ada` are one. As names they are four. */
const isIndirect = /(?:^|\/)\.{0,2}(?:\/|$)/;

/** Without slashes, and with a letter before a leading dot, a shell's star passes over everything. */
function asOneName(text: string): string {
  return `x${text.replaceAll('/', '\u{1}')}`;
}
