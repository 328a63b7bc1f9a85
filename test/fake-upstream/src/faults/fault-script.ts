// Decides which request gets which fault.
import { matches, type RequestMatcher } from '../request-matcher.ts';
import type { Target } from '../target.ts';
import type { Fault } from './fault.ts';

interface FaultMatcher extends RequestMatcher {
  /** The fault begins with the nth matching request, counted from 1. Default: 1. */
  readonly nth?: number;
  /** The fault applies to this many requests. Default: all. */
  readonly times?: number;
}

interface AddedFault {
  /** Returns the number of requests that got the fault. */
  hits(): number;
  remove(): void;
}

export interface FaultScript {
  /**
   * From now on, matching requests get the fault. If several faults match, the one added last applies. Requests that
   * authentication refuses get no fault and do not count for `nth` and `times`.
   */
  addFault(matcher: FaultMatcher, fault: Fault): AddedFault;
  clearFaults(): void;
}

export interface FaultPicker {
  pick(target: Target): Fault;
}

interface Rule {
  readonly matcher: FaultMatcher;
  readonly fault: Fault;
  seen: number;
  hits: number;
}

export function createFaultScript(): FaultScript & FaultPicker {
  let rules: Rule[] = [];
  return {
    addFault(matcher, fault) {
      const rule: Rule = { matcher, fault, seen: 0, hits: 0 };
      rules = [rule, ...rules];
      return {
        hits: () => rule.hits,
        remove: () => {
          rules = rules.filter((other) => other !== rule);
        },
      };
    },
    clearFaults: () => {
      rules = [];
    },
    pick(target) {
      for (const rule of rules) {
        const { nth = 1, times = Number.POSITIVE_INFINITY } = rule.matcher;
        if (!matches(rule.matcher, target)) continue;
        rule.seen += 1;
        if (rule.seen < nth || rule.hits >= times) continue;
        rule.hits += 1;
        return rule.fault;
      }
      return {};
    },
  };
}
