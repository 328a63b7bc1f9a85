// Decides which caller may pull which content. Nothing else decides that.
import { posix } from 'node:path';
import { type Identity, userName } from '../authentication/authenticator.ts';
import { createAddressList } from './networks.ts';

interface ImagePattern {
  /** Glob of `<upstream>/<repository>`; `*` does not match a slash. */
  readonly name: string;
  /** `undefined` means any tag, and requests without a tag. */
  readonly tag: string | undefined;
}

/** The caller of a request. */
export interface Caller {
  readonly identity: Identity;
  readonly clientIp: string;
}

interface PullAttempt {
  readonly upstream: string;
  /** Name within the upstream. */
  readonly repository: string;
  /** Unset for requests by digest and for content without a tag, such as lists. */
  readonly tag?: string | undefined;
  /**
   * `os/architecture` or `os/architecture/variant`. Unset if the content has no platform or its platform is unknown.
   */
  readonly platform?: string | undefined;
}

/**
 * `why` is a clause for the log. The client learns only that access is denied, and the `reason` that an operator wrote
 * for it.
 */
export type Decision =
  | {
      readonly isAllowed: true;
      /** True if the decision can be a denial for some platform. */
      readonly dependsOnPlatform: boolean;
    }
  | { readonly isAllowed: false; readonly why: string; readonly reason?: string | undefined };

/** Decides without reading content, so a denial reveals nothing about it. */
export type Authorize = (caller: Caller, attempt: PullAttempt) => Decision;

/** A rule matches a pull if each of its fields that is set matches. Patterns have the syntax of `fitsPattern`. */
export interface PolicyRule {
  readonly action: 'allow' | 'deny';
  /** Patterns in the syntax of `parseImagePattern`. */
  readonly images: readonly string[];
  /** Patterns of names as `userName` returns them. Unset means all callers. */
  readonly users?: readonly string[] | undefined;
  /** Addresses and networks. Unset means all. */
  readonly networks?: readonly string[] | undefined;
  /**
   * Globs of `os/architecture`, which includes all its variants, or of `os/architecture/variant`. Unset means all
   * platforms, and content without one.
   */
  readonly platforms?: readonly string[] | undefined;
  /** The reason that denied callers see. */
  readonly reason?: string | undefined;
}

export interface Policy {
  /** The first matching rule decides. */
  readonly rules: readonly PolicyRule[];
  /** Applies if no rule matches. */
  readonly fallback: 'allow' | 'deny';
}

/**
 * Creates the function that decides. It checks the grants of an identity before the rules. A digest may have any tag.
 * So a rule that allows some tag also allows requests by digest, and a rule that denies a tag does not deny them. The
 * same applies to platforms if the platform is unknown.
 */
export function createAuthorize({ rules, fallback }: Policy): Authorize {
  const checks = rules.map(createCheck);
  return ({ identity, clientIp }, attempt) => {
    const { grants } = identity;
    const name = `${attempt.upstream}/${attempt.repository}`;
    if (grants !== undefined && !fitsAny('allow', name, grants))
      return { isAllowed: false, why: `the caller's grants do not include ${name}` };
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
  /** Position of the rule, starting at 1. */
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

/**
 * Parses `docker.io/library/*:v*`: a glob of an image's name and, after the last colon of the last component, of its
 * tag.
 */
function parseImagePattern(pattern: string): ImagePattern {
  const colon = pattern.indexOf(':', pattern.lastIndexOf('/') + 1);
  if (colon === -1) return { name: pattern, tag: undefined };
  return { name: pattern.slice(0, colon), tag: pattern.slice(colon + 1) };
}

/**
 * Matches patterns of rules like a shell, and fails closed: a rule that allows matches narrowly, a rule that denies
 * matches widely. In `allow`, `*` stops at a slash and does not match a leading dot. In `deny`, it matches any text.
 */
export function fitsPattern(action: 'allow' | 'deny', value: string, pattern: string): boolean {
  // As a pattern, a name with brackets such as `dependabot[bot]` matches only other names.
  if (value === pattern) return true;
  if (action === 'allow') return !isIndirect.test(value) && posix.matchesGlob(value, pattern);
  return posix.matchesGlob(value, pattern) || posix.matchesGlob(asOneName(value), asOneName(pattern));
}

/**
 * Matches indirect paths. The paths `x/../ada`, `./ada`, `ada/` and `ada` are the same, but they are four different
 * names. So rules that allow do not match indirect paths.
 */
const isIndirect = /(?:^|\/)\.{0,2}(?:\/|$)/;

/** Replaces slashes and hides a leading dot, so that a shell's star matches any text. */
function asOneName(text: string): string {
  return `x${text.replaceAll('/', '\u{1}')}`;
}
