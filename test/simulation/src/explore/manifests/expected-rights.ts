// Decides whether a caller has the right to a response: by the table of rights, its credential, and its account at the
// upstream.
import type { Callers } from './callers.ts';
import { rememberAccessMs } from './cluster-file.ts';
import type { AccessRequest } from './judge-exchange.ts';
import type { Logins } from './logins.ts';
import { mayPull } from './rights.ts';
import type { ScenarioFacts } from './scenario-facts.ts';

/** The cache remembers a refusal for ten seconds, and the query that led to it can take longer than that. */
const refusedForMs = 40_000;

export function expectedRights(logins: Logins, callers: Callers): Pick<ScenarioFacts, 'mayRead' | 'mayBeRefused'> {
  const isGranted = ({ repository, reference, caller, scope }: AccessRequest) =>
    mayPull(caller.user, repository.fullName, reference) && (!logins.areScoped || scope === repository);
  return {
    mayRead: (request) =>
      isGranted(request) &&
      logins.isKnown(request.caller.user, request.startedAtMs, request.endedAtMs) &&
      (!request.repository.isPrivate ||
        callers.mayRead(request.caller.account, request.startedAtMs - rememberAccessMs, request.endedAtMs)),
    mayBeRefused: (request) =>
      !isGranted(request) ||
      logins.mayBeUnknown(request.caller.user, request.startedAtMs, request.endedAtMs) ||
      (request.repository.isPrivate &&
        callers.mayBeRefused(request.caller.account, request.startedAtMs - refusedForMs, request.endedAtMs)),
  };
}
