// Whether a caller has a right to an answer: by the table of rights, by what it shows, and by its account at the upstream.
import type { Callers } from './callers.ts';
import { rememberAccessMs } from './cluster-file.ts';
import type { AskedRight } from './judge-exchange.ts';
import type { Logins } from './logins.ts';
import { mayPull } from './rights.ts';
import type { ScenarioFacts } from './scenario-facts.ts';

/** A refusal is remembered for ten seconds, and the question behind it may take longer. */
const refusedForMs = 40_000;

export function whoMayRead(logins: Logins, callers: Callers): Pick<ScenarioFacts, 'mayRead' | 'mayBeRefused'> {
  const isGranted = ({ repository, reference, caller, scope }: AskedRight) =>
    mayPull(caller.user, repository.fullName, reference) && (!logins.areScoped || scope === repository);
  return {
    mayRead: (asked) =>
      isGranted(asked) &&
      logins.isKnown(asked.caller.user, asked.startedAtMs, asked.endedAtMs) &&
      (!asked.repository.isPrivate ||
        callers.mayRead(asked.caller.account, asked.startedAtMs - rememberAccessMs, asked.endedAtMs)),
    mayBeRefused: (asked) =>
      !isGranted(asked) ||
      logins.mayBeUnknown(asked.caller.user, asked.startedAtMs, asked.endedAtMs) ||
      (asked.repository.isPrivate &&
        callers.mayBeRefused(asked.caller.account, asked.startedAtMs - refusedForMs, asked.endedAtMs)),
  };
}
